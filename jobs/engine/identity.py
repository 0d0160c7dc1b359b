"""What an output was made with: `_job/job.json`, written once, compared by every later run."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from jobs.engine.errors import UserError
from jobs.engine.files.credentials import public_url
from jobs.engine.files.storage import Storage
from jobs.engine.records import read_record, write_record

JOB = "_job/job.json"
_ABSENT = "(absent)"


@dataclass(frozen=True)
class Identity:
    """What determines the bytes of an output.

    Attributes:
        config: Resolved configuration, as JSON types; no secrets.
        digest: Digest of the configuration.
        models: Model -> digest.
        packages: Package -> version.
        input: Where the members come from; kept without credentials.
    """

    config: Mapping[str, Any]
    digest: str
    models: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    input: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "input", public_url(self.input))

    def check(self, storage: Storage) -> list[str]:
        """Compares with what is stored in the output, if anything is.

        Returns:
            Sentences about differences that are allowed.

        Raises:
            UserError: The output was made with another configuration or other models.
        """
        stored = read_identity(storage)
        if stored is None:
            return []
        if (stored.digest, stored.models) != (self.digest, dict(self.models)):
            differing = [
                *differences(stored.config, self.config),
                *differences({"models": stored.models}, {"models": self.models}),
            ] or [("digest", stored.digest, self.digest)]
            fields = ", ".join(f"{name} (was {old}, is {new})" for name, old, new in differing)
            raise UserError(
                f"'{storage.url}' was made with another config: {fields}; "
                "change that back or use another output."
            )
        warnings = []
        if changed := list(differences(stored.packages, self.packages)):
            versions = ", ".join(f"{name} {old} -> {new}" for name, old, new in changed)
            warnings.append(f"Other package versions than when the job was begun: {versions}.")
        if stored.input != self.input:
            warnings.append(
                f"The input was '{stored.input}' and is '{self.input}'; new keys are added."
            )
        return warnings

    def write(self, storage: Storage) -> None:
        """Stores it, unless one is stored already."""
        if not storage.exists(JOB):
            write_record(storage, JOB, asdict(self))


def read_identity(storage: Storage) -> Identity | None:
    """What the output was made with; None if it holds no job.

    Raises:
        RecordError: The record of it is damaged.
    """
    if not storage.exists(JOB):
        return None
    fix = "restore it from a copy, or use another output"
    return read_record(storage, JOB, Identity, fix)


def differences(
    old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    """Fields that differ: dotted name, old value, new value; compared as JSON."""
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name, _ABSENT), new.get(name, _ABSENT)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from differences(before, after, f"{prefix}{name}.")
        elif json.dumps(before, default=str) != json.dumps(after, default=str):
            yield f"{prefix}{name}", before, after


def package_versions(names: Iterable[str]) -> dict[str, str]:
    """The installed versions of some distributions; those not installed are left out."""
    versions = {}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
