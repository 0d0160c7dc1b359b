"""What an output was made with: `_job/job.json`, written once, compared by every later run."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from jobs.engine.records import RecordError, sealed, stored_bytes, typed, unsealed, write_record
from jobs.messages.credentials import public_url
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage

JOB = "_job/job.json"

# Of what lies below an output. 1: records that were overwritten, by versions before 0.2. 2: plans
# that do not say from which input they are, and shards that keep the members planned first.
FORMAT = 3

_ABSENT = "(absent)"
_FIX = "restore it from a copy, or use another output"


@dataclass(frozen=True)
class Identity:
    """What determines the bytes of an output.

    Attributes:
        config: Resolved configuration, as JSON types; no secrets.
        digest: Digest of the configuration.
        models: Model -> digest.
        packages: Package -> version.
        input: Where the members come from; kept without credentials.
        job: Name of the job that made it.
        schema: Version of the tables' schemas.
        defaults: What `config` would be if nothing had been said; None if that is not known.
        meanings: Setting -> version of its meaning, of those that once meant something else.
        upstream: Name -> what identifies the outputs of other jobs that it was made from.
        format: Format of the records; see the README of this folder.
    """

    config: Mapping[str, Any]
    digest: str
    models: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    input: str = ""
    job: str = "extract"
    schema: int = 1
    defaults: Mapping[str, Any] | None = None
    meanings: Mapping[str, int] = field(default_factory=dict)
    upstream: Mapping[str, str] = field(default_factory=dict)
    format: int = FORMAT

    def __post_init__(self) -> None:
        object.__setattr__(self, "input", public_url(self.input))

    def check(self, storage: Storage) -> list[str]:
        """Compares with what is stored in the output, if anything is.

        Returns:
            Sentences about differences that are allowed.

        Raises:
            UserError: The output is of another job, or was made with another configuration or
                other models, or by a newer version.
        """
        stored = read_identity(storage)
        if stored is None:
            return []
        if stored.job != self.job:
            raise another_job(storage.url, stored.job, self.job)
        for name, digest in self.upstream.items():
            if stored.upstream.get(name, digest) != digest:
                raise UserError(
                    f"'{storage.url}' was made from other {name}: name those, or use another output"
                )
        # A digest that is the same although settings have come or gone was taken from the output.
        if (stored.digest, stored.models) != (self.digest, dict(self.models)):
            differing = [
                *differences(stored.config, self.config),
                *differences({"models": stored.models}, {"models": self.models}),
            ] or [("digest", stored.digest, self.digest)]
            raise refusal(storage.url, differing)
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
        """Stores the identity, unless one is stored already."""
        storage.create_bytes(sealed(asdict(self)), JOB)


def another_job(url: str, stored: str, wanted: str) -> UserError:
    """The error for an output that is of another job."""
    return UserError(f"'{url}' is an output of '{stored}', not of '{wanted}': use another output")


def refusal(url: str, differing: Iterable[tuple[str, Any, Any]]) -> UserError:
    """The error for settings that differ: dotted name, old value, new value of each."""
    fields = ", ".join(f"{name} (was {old}, is {new})" for name, old, new in differing)
    return UserError(
        f"'{url}' was made with another config: {fields}: change that back or use another output"
    )


def read_identity(storage: Storage) -> Identity | None:
    """What the output was made with; None if it holds no job.

    To be asked before any other record is read: a newer version may write others.

    Raises:
        RecordError: The record of it is damaged.
        UserError: The output was made by a newer version.
    """
    if not storage.exists(JOB):
        return None
    record = unsealed(stored_bytes(storage, JOB, _FIX), JOB, _FIX)
    made = record.setdefault("format", 1)
    if not isinstance(made, int):
        raise RecordError(JOB, f"format: {made!r} is no number", _FIX)
    if made > FORMAT:
        raise UserError(
            f"'{storage.url}' was made by a newer mtcnn-ray (format {made}, this one knows "
            f"{FORMAT}): update mtcnn-ray"
        )
    identity = typed(record, JOB, Identity, _FIX)
    if made == 1:
        _refuse_half_done(storage)
    return identity


def require_identity(storage: Storage) -> Identity:
    """What the output was made with; there has to be a job in it.

    Raises:
        RecordError: The record of it is damaged.
        UserError: There is no job, or it was made by a newer version.
    """
    identity = read_identity(storage)
    if identity is None:
        raise UserError(f"there is no job in '{storage.url}': check the path")
    return identity


def upgrade(storage: Storage) -> None:
    """Marks an output of an earlier version as one of this format, which that cannot read.

    To be called before the first record of this format is written, by a driver with the lease.
    """
    identity = read_identity(storage)
    if identity is not None and identity.format < FORMAT:
        write_record(storage, JOB, asdict(replace(identity, format=FORMAT)))


def _refuse_half_done(storage: Storage) -> None:
    """Raises if parts of an output of format 1 were about to give way to others."""
    for path, command in (("_job/redo.json", "retry"), ("_job/compaction.json", "compact")):
        if storage.exists(path) or storage.names("_job/redo"):
            raise UserError(
                f"a {command} of '{storage.url}' was stopped half-way by mtcnn-ray 0.1: run "
                f"'{command}' again with that version, and go on with this one"
            )


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
