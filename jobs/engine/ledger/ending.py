"""`_SUCCESS` and `_job/summary.json`: what the last entry of the log says, for users to find."""

from __future__ import annotations

from typing import Any

from jobs.engine.lease.claims import CLAIMS
from jobs.engine.lease.log import Log
from jobs.engine.plans.index import indexed
from jobs.engine.records import stored_bytes, unsealed, write_record
from jobs.storage.storage import Storage

SUCCESS = "_SUCCESS"
SUMMARY = "_job/summary.json"

FIX_SUMMARY = f"delete it and {SUCCESS}, and run the job again"


def show_ending(storage: Storage, log: Log) -> None:
    """Writes summary and mark as the last entry of the log says; a driver at work has no mark.

    Of several drivers, among them one that was stopped half-way and goes on much later, the last
    to write here has seen the last entry: each looks again after it has written.
    """
    shown = 0
    while (last := log.last()) != shown:
        shown = last
        summary = log.read(last).summary
        if summary is not None:
            write_record(storage, SUMMARY, summary)
        status = summary["status"] if summary is not None else {"success": False}
        # One that was stopped may have planned a generation that the last driver does not know.
        planned = len(indexed(storage))
        if status["success"] and status.get("generations", planned) == planned:
            storage.publish_bytes(b"", SUCCESS)
        else:
            storage.delete(SUCCESS)


def stored_summary(storage: Storage) -> dict[str, Any]:
    """What is stored of the last run; empty if nothing is.

    Raises:
        RecordError: It is damaged.
    """
    if not storage.exists(SUMMARY):
        return {}
    return unsealed(stored_bytes(storage, SUMMARY, FIX_SUMMARY), SUMMARY, FIX_SUMMARY)


def is_finished(storage: Storage) -> bool:
    """Whether an output is at rest and its job was complete when it came to rest."""
    return storage.exists(SUCCESS) and is_at_rest(storage)


def is_at_rest(storage: Storage) -> bool:
    """Whether no driver has an output, and none has left anything half done there."""
    leftovers = (path for folder in (CLAIMS, "_job") for path in storage.leftovers(folder))
    if storage.names(CLAIMS) or any(leftovers):
        return False
    log = Log(storage)
    if not (last := log.last()):
        return True
    summary = log.read(last).summary
    return summary is not None and summary["status"]["success"] == storage.exists(SUCCESS)
