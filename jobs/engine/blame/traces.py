"""What an attempt at a shard leaves behind, for the driver to read when its process is gone."""

from __future__ import annotations

from dataclasses import asdict, replace

from jobs.engine.records import read_record, write_record
from jobs.engine.reports import ShardFailure
from jobs.engine.shards import ShardSpec, Trace
from jobs.storage.storage import Storage

ATTEMPTS = "_job/attempts"


def leave_trace(storage: Storage, shard: str, run: str, trace: Trace) -> None:
    """Stores the trace of an attempt, in place of what it left before."""
    write_record(storage, _path(shard, run, trace.attempt), asdict(trace), indent=None)


def read_trace(storage: Storage, spec: ShardSpec) -> Trace | None:
    """The trace of the last attempt at a shard, if it left one."""
    path = _path(spec.shard, spec.run, spec.attempt)
    if not storage.exists(path):
        return None
    return read_record(storage, path, Trace, "run the same command again")


def read_traces(storage: Storage, spec: ShardSpec) -> list[Trace]:
    """The traces of all attempts of this run so far, oldest first."""
    attempts = (replace(spec, attempt=number + 1) for number in range(spec.attempt))
    traces = (read_trace(storage, attempt) for attempt in attempts)
    return [trace for trace in traces if trace is not None]


def remove_traces(storage: Storage, spec: ShardSpec) -> None:
    """Removes the traces of all attempts of this run so far."""
    for number in range(spec.attempt):
        storage.delete(_path(spec.shard, spec.run, number + 1))


def given_up(storage: Storage, spec: ShardSpec, error: str) -> ShardFailure:
    """What is known of a shard that has lost too many workers; removes the traces.

    Args:
        storage: The output.
        spec: The last attempt.
        error: What Ray says of the last loss.
    """
    traces = read_traces(storage, spec)
    last = traces[-1] if traces else None
    remove_traces(storage, spec)
    return ShardFailure(
        shard=spec.shard,
        reason=f"lost its worker {spec.attempt} times",
        attempts=spec.attempt,
        member=last.item if last else None,
        key=last.key if last else None,
        traceback=(last.details if last else "") or error,
        deaths=[trace.sentence() for trace in traces],
    )


def _path(shard: str, run: str, attempt: int) -> str:
    # Of the run too: the workers of a driver that was killed outlive it by some seconds.
    return f"{ATTEMPTS}/{shard}-{run}-{attempt}.json"
