"""How a command that wrote to an output ended: what the log and `_job/summary.json` say of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from jobs.engine.driver.status import Status
from jobs.engine.ledger.ending import stored_summary
from jobs.storage.storage import Storage

_OF_A_RUN: dict[str, Any] = {
    "new_members": 0,
    "processed": 0,
    "seconds": 0.0,
    "max_failed_fraction": 1.0,
}


@dataclass(frozen=True)
class Summary:
    """How a run ended.

    Attributes:
        status: How far the job is, this and earlier runs together.
        new_members: Members this run added to the plan.
        processed: Items of the shards this run committed.
        seconds: Time this run took.
        max_failed_fraction: Failed members the exit code tolerates.
        dropped: Members this run left out, since they are gone.
        given_up: Committed shards that this run was to process again, and could not.
    """

    status: Status
    new_members: int
    processed: int
    seconds: float
    max_failed_fraction: float
    dropped: int = 0
    given_up: int = 0

    @property
    def exit_code(self) -> int:
        """0, or 1 if shards were given up or too many members failed."""
        too_many = self.status.failed_fraction > self.max_failed_fraction
        return int(too_many or not self.status.complete or self.given_up > 0)

    def tells_of(self, record: Mapping[str, Any]) -> bool:
        """Whether what is stored counts the same shards and items."""
        told = record.get("status", {})
        status = self.status
        return (told.get("shards"), told.get("shards_done"), told.get("members_done")) == (
            status.shards,
            status.shards_done,
            status.members_done,
        )

    def as_record(self) -> dict[str, Any]:
        """The summary as it is stored."""
        return {**asdict(self), "exit_code": self.exit_code}


def finished(status: Status) -> Status:
    """The status at the end of a command: a success if all shards are committed, parts whole."""
    return replace(status, success=status.complete and status.change is None)


def after_change(storage: Storage, status: Status) -> Summary:
    """The summary of the last run, with another status, after a command that is none itself."""
    known = stored_summary(storage)
    told = {name: known[name] for name in _OF_A_RUN if name in known}
    return Summary(finished(status), **{**_OF_A_RUN, **told})
