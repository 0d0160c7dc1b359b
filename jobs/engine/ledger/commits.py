"""Commit and quarantine records: what became of each shard. A commit is written last."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from jobs.engine.records import RecordError, parse_record, sealed, typed, unsealed, write_record
from jobs.engine.reports import ShardFailure, ShardReport
from jobs.messages.credentials import redacted
from jobs.messages.errors import NotNowError
from jobs.storage.storage import Storage

COMMITS = "_job/commits"
QUARANTINE = "_job/quarantine"

_FIX_COMMIT = "restore it from a copy, or delete it and run the job again"
_FIX_FAILURE = "delete it and run the job again"

# Names of the records of shards, in a line of names with slashes between them.
_RECORDS = re.compile(r"(?<![^/])([0-9]{3}|[1-9][0-9]{3,})-([0-9]{6}|[1-9][0-9]{6,})\.json(?![^/])")

T = TypeVar("T")


def create_commit(storage: Storage, report: ShardReport) -> bool:
    """Makes a shard exist for readers; its parts must be published already.

    Returns:
        False if it exists, with another record, which stays.
    """
    record = {**asdict(report), "rows": report.rows}
    return storage.create_bytes(sealed(record), commit_path(report.shard))


def restate_commit(storage: Storage, report: ShardReport) -> None:
    """Stores a commit record in its own place, without keys that were forgotten.

    That and nothing else may be other than it was: it counts for the same.
    """
    storage.publish_bytes(
        sealed({**asdict(report), "rows": report.rows}), commit_path(report.shard)
    )


def is_committed(storage: Storage, shard: str) -> bool:
    """Whether a shard has a commit record."""
    return storage.exists(commit_path(shard))


def committed(storage: Storage) -> set[str]:
    """The shards that have a commit record."""
    return _shards(storage, COMMITS)


def committed_numbers(storage: Storage) -> npt.NDArray[np.int64]:
    """Generation and index of the shards that have a commit record, in one number each, sorted."""
    # One left out would be done again, for nothing.
    found = _RECORDS.findall("/".join(storage.confirmed_names(COMMITS)))
    numbers = np.array(found, np.str_).reshape(-1, 2).astype(np.int64)
    return np.sort(numbers[:, 0] << 32 | numbers[:, 1])


def commit_path(shard: str) -> str:
    """Where the commit record of a shard is."""
    return f"{COMMITS}/{shard}.json"


def read_commits(storage: Storage, shards: Iterable[str]) -> Iterator[ShardReport]:
    """The commit records of some shards, in the order given.

    Raises:
        RecordError: One is damaged.
        NotNowError: One was removed meanwhile.
    """
    try:
        yield from _read(storage, list(shards), commit_path, parse_commit)
    except FileNotFoundError as error:
        raise NotNowError(
            f"a commit record in '{storage.url}' was removed while they were read: "
            "run the command again"
        ) from error


def parse_commit(data: bytes, shard: str) -> ShardReport:
    """The commit record of a shard.

    Raises:
        RecordError: It is damaged, or that of another shard.
    """
    path = commit_path(shard)
    record = unsealed(data, path, _FIX_COMMIT)
    rows = record.pop("rows", None)  # for whoever looks at it
    report = typed(record, path, ShardReport, _FIX_COMMIT)
    if report.shard != shard:
        raise RecordError(path, f"it is that of shard '{report.shard}'", _FIX_COMMIT)
    if rows != report.rows:
        raise RecordError(path, "its 'rows' are not those of its parts", _FIX_COMMIT)
    return report


def write_failure(storage: Storage, failure: ShardFailure) -> None:
    """Records that a shard was given up; credentials are taken out of what storage said."""
    record = asdict(failure)
    for name in ("reason", "traceback"):
        record[name] = redacted(record[name])
    write_record(storage, failure_path(failure.shard), record)


def quarantined(storage: Storage) -> set[str]:
    """The shards that have a quarantine record."""
    return _shards(storage, QUARANTINE)


def failure_path(shard: str) -> str:
    """Where the quarantine record of a shard is."""
    return f"{QUARANTINE}/{shard}.json"


def read_failures(storage: Storage, shards: Iterable[str]) -> Iterator[ShardFailure]:
    """The quarantine records of some shards, in the order given.

    Raises:
        RecordError: One is damaged.
    """
    yield from _read(storage, list(shards), failure_path, parse_failure)


def parse_failure(data: bytes, shard: str) -> ShardFailure:
    """The quarantine record of a shard.

    Raises:
        RecordError: It is damaged, or that of another shard.
    """
    path = failure_path(shard)
    failure = parse_record(data, path, ShardFailure, _FIX_FAILURE)
    if failure.shard != shard:
        raise RecordError(path, f"it is that of shard '{failure.shard}'", _FIX_FAILURE)
    return failure


def forget_failure(storage: Storage, shard: str) -> None:
    """Removes the quarantine record of a shard, if there is one."""
    storage.delete(failure_path(shard))


def _read(
    storage: Storage,
    shards: list[str],
    path: Callable[[str], str],
    parse: Callable[[bytes, str], T],
) -> Iterator[T]:
    for shard, data in zip(shards, storage.read_many(map(path, shards)), strict=True):
        try:
            yield parse(data, shard)
        except RecordError:  # several at once may come cut off, which one alone does not
            yield parse(storage.read_bytes(path(shard)), shard)


def _shards(storage: Storage, folder: str) -> set[str]:
    return _json_names(storage.names(folder))


def _json_names(names: Iterable[str]) -> set[str]:
    return {name.removesuffix(".json") for name in names if name.endswith(".json")}
