"""Commit and quarantine records: what became of each shard. A commit is written last."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from jobs.engine.credentials import redacted
from jobs.engine.shards import PartReport, ShardFailure, ShardReport
from jobs.engine.storage import Storage

COMMITS = "_job/commits"
QUARANTINE = "_job/quarantine"


def write_commit(storage: Storage, report: ShardReport) -> None:
    """Makes a shard exist for readers; its parts must be published already."""
    record = {**asdict(report), "rows": report.rows}
    _write(storage, f"{COMMITS}/{report.shard}.json", record)


def committed(storage: Storage) -> set[str]:
    """The shards that have a commit record."""
    return _shards(storage, COMMITS)


def read_commits(storage: Storage, shards: Iterable[str]) -> Iterator[ShardReport]:
    """The commit records of some shards, in the order given."""
    for data in storage.read_many(f"{COMMITS}/{shard}.json" for shard in shards):
        record = json.loads(data)
        del record["rows"]
        parts = {name: PartReport(**part) for name, part in record.pop("parts").items()}
        yield ShardReport(parts=parts, **record)


def write_failure(storage: Storage, failure: ShardFailure) -> None:
    """Records that a shard was given up; credentials are taken out of what storage said."""
    record = asdict(failure)
    for name in ("reason", "traceback"):
        record[name] = redacted(record[name])
    _write(storage, f"{QUARANTINE}/{failure.shard}.json", record)


def quarantined(storage: Storage) -> set[str]:
    """The shards that have a quarantine record."""
    return _shards(storage, QUARANTINE)


def read_failures(storage: Storage, shards: Iterable[str]) -> Iterator[ShardFailure]:
    """The quarantine records of some shards, in the order given."""
    for data in storage.read_many(f"{QUARANTINE}/{shard}.json" for shard in shards):
        yield ShardFailure(**json.loads(data))


def forget_failure(storage: Storage, shard: str) -> None:
    """Removes the quarantine record of a shard, if there is one."""
    storage.delete(f"{QUARANTINE}/{shard}.json")


def _shards(storage: Storage, folder: str) -> set[str]:
    names = storage.names(folder)
    return {name.removesuffix(".json") for name in names if name.endswith(".json")}


def _write(storage: Storage, path: str, record: dict[str, Any]) -> None:
    storage.publish_bytes(json.dumps(record, indent=1, ensure_ascii=False).encode(), path)
