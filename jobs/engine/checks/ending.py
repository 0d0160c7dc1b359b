"""What the last run left to say: what the job is, how it stands, whether it is finished."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from jobs.engine.checks.commits import Counted
from jobs.engine.identity import JOB, Identity, read_identity
from jobs.engine.lease.claims import CLAIMS
from jobs.engine.lease.log import LogEntry
from jobs.engine.ledger.ending import FIX_SUMMARY, SUCCESS, SUMMARY, stored_summary
from jobs.engine.records import RecordError
from jobs.storage.storage import Storage


def stored_identity(storage: Storage, problems: list[str]) -> Identity | None:
    """What the output was made with, if that can be read."""
    try:
        identity = read_identity(storage)
    except RecordError as error:
        problems.append(str(error))
        return None
    if identity is None:
        problems.append(f"'{JOB}' is missing: restore it from a copy, or use another output")
    return identity


def check_schema(path: str, schema: pa.Schema, identity: Identity) -> Iterator[str]:
    """Compares what a part says of its making with what the job says.

    Metadata that ends in `.config_digest` holds the digest of the config, in `.model_digests`
    JSON of the digests of the models.
    """
    for key, value in (schema.metadata or {}).items():
        if key.endswith(b".config_digest") and value.decode() != identity.digest:
            yield f"{path} was made with another config than {JOB} says."
        if key.endswith(b".schema_version") and value.decode() != str(identity.schema):
            yield f"{path} has a schema of version {value.decode()}, {JOB} says {identity.schema}."
        if key.endswith(b".model_digests") and json.loads(value) != identity.models:
            yield f"{path} was made with other models than {JOB} says."


def check_ending(
    storage: Storage,
    shards: int,
    left: int,
    tally: Counted,
    last: LogEntry | None,
    was_marked: bool,
) -> Iterator[str]:
    """Compares what the last run said with what is there.

    Args:
        storage: The output.
        shards: Planned ones.
        left: Those that are not committed.
        tally: Tally of the commits that can be read.
        last: LogEntry of the log, if it has one.
        was_marked: Whether the job was marked as finished before the commits were looked at.
    """
    is_marked, is_told = storage.exists(SUCCESS), storage.exists(SUMMARY)
    if was_marked and is_marked and left:
        yield f"{SUCCESS} is there, although {left:,} shards are not done; run the job again."
    summary: dict[str, Any] = {}
    if is_told:
        try:
            summary = stored_summary(storage)
        except RecordError as error:
            yield str(error)
            return
    if is_marked and last and last.summary is None and not storage.names(CLAIMS):
        yield f"{SUCCESS} is there, although the log does not end; run the job again."
    if left:  # it is told of a run before
        return
    if is_marked and not is_told:
        yield f"'{SUMMARY}' is missing: delete {SUCCESS} and run the job again"
    if is_told and not is_marked:
        yield f"All shards are done, but {SUCCESS} is missing; run the job again."
    if is_told and last and last.summary not in (None, summary):
        yield f"'{SUMMARY}' is not what the log ends with; {FIX_SUMMARY}."
    if is_told and is_marked and tally.shards_done == shards:
        yield from _contradictions(summary, shards, tally)


def _contradictions(summary: dict[str, Any], shards: int, tally: Counted) -> Iterator[str]:
    told = summary.get("status")
    if not isinstance(told, dict):
        told = {}
    found = {
        "shards": shards,
        "shards_done": tally.shards_done,
        "members_done": tally.members_done,
        "failed": tally.failed,
        "statuses": dict(tally.statuses),
        "rows": dict(tally.rows),
    }
    for name, value in found.items():
        if told.get(name) != value:
            yield (
                f"'{SUMMARY}' says {name} = {told.get(name)} where the commits say {value}; "
                f"{FIX_SUMMARY}."
            )
