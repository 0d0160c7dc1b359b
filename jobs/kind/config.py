"""What every job can be told: one frozen, validated object with a digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from jobs.engine.settings import OutputSettings, RunSettings
from jobs.sources.settings import NAMES_INPUT, PACE, InputSettings

if TYPE_CHECKING:
    from typing_extensions import Self


class RedoingRunSettings(RunSettings):
    """Workers, attempts and reporting of a job that follows what changes in another's output.

    Attributes:
        changed: As for :class:`RunSettings`; here rows are made anew where those upstream were.
        gone: As for :class:`RunSettings`; here rows go with those upstream.
    """

    changed: Literal["report", "redo"] = "redo"
    gone: Literal["report", "keep", "drop"] = "drop"


class Settings(BaseModel):
    """Sections of settings, one a field; what commands with other sections than a job's share.

    Attributes:
        compared: Dotted name of a setting -> what of its value takes part in comparing and in the
            digest.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    compared: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}

    _given: frozenset[str] = PrivateAttr(default=frozenset())

    def __eq__(self, other: object) -> bool:
        """Compares the settings, not how they came about."""
        return type(self) is type(other) and dict(self) == dict(other)

    @property
    def given(self) -> frozenset[str]:
        """Dotted names of what was said, in a file, a preset or on the command line."""
        return self._given

    def as_given(self, names: frozenset[str]) -> Self:
        """This config, with the names of what was said in it."""
        self._given = names
        return self

    def with_values(self, values: Mapping[str, Any]) -> Self:
        """A copy with other values, of dotted names, as JSON has them."""
        tree = self.model_dump(mode="json")
        for key, value in values.items():
            *path, last = key.split(".")
            section = tree
            for name in path:
                section = section[name]
            section[last] = value
        for name, section in self:  # credentials are not dumped
            if hasattr(section, "storage_options"):
                tree[name]["storage_options"] = section.storage_options
        return type(self).model_validate(tree).as_given(self._given)

    def identity(self) -> dict[str, Any]:
        """What determines the output, as JSON values: a section each, without credentials."""
        return self.model_dump(mode="json")

    def digest(self) -> str:
        """SHA-256 of `identity` as canonical JSON (sorted keys, no spaces, UTF-8), in hex."""
        identity = self.identity()
        for name, what in self.compared.items():
            *path, last = name.split(".")
            section = identity
            for part in path:
                section = section[part]
            section[last] = what(section[last])
        text = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


class JobConfig(Settings):
    """The sections that every job has; each kind of job adds its own, one a field.

    Attributes:
        input: How the input is read.
        output: How the output is written.
        run: How the work is spread over workers.
    """

    input: InputSettings = Field(default_factory=InputSettings)
    output: OutputSettings = Field(default_factory=OutputSettings)
    run: RunSettings = Field(default_factory=RunSettings)

    def identity(self) -> dict[str, Any]:
        """What determines the output, as JSON values: a section each, of `run` its shards.

        Left out are credentials, whatever only changes how fast or where the job runs, and what is
        said of one of several inputs.
        """
        dump = super().identity()
        apart = PACE | NAMES_INPUT
        dump["input"] = {name: value for name, value in dump["input"].items() if name not in apart}
        dump["run"] = {"shards": dump["run"]["shards"]}
        return dump
