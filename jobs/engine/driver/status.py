"""How far a job is, from what is stored: works while it runs and after the driver is gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs.engine.forgotten import is_forgetting
from jobs.engine.identity import require_identity
from jobs.engine.ledger.commits import quarantined
from jobs.engine.ledger.ending import SUCCESS
from jobs.engine.ledger.heads import Heads
from jobs.engine.plans.plan import Plan
from jobs.storage.storage import Storage

STOPPED_FORGET = "A forget is under way or was killed; wait for it, or run it again."
STOPPED_RETRY = "A retry is under way or was killed; wait for it, or run it or the job again."


@dataclass(frozen=True)
class Status:
    """How far a job is.

    Attributes:
        shards: Planned shards.
        shards_done: Committed ones.
        shards_quarantined: Shards given up, to be tried again by the next run.
        members: Planned items; None while containers are left that tell only when they are read.
        members_done: Items of committed shards.
        failed: Those with a status that counts as failed.
        statuses: Status -> items, most frequent first.
        rows: Output -> rows.
        bytes: Output -> bytes of its parts.
        generations: Number of generations.
        success: Whether all was committed when the last run ended.
        change: A sentence about a retry that changes shared parts just now, or a forget, or one
            that was killed while it did; None if there is none.
    """

    shards: int
    shards_done: int
    shards_quarantined: int
    members: int | None
    members_done: int
    failed: int
    statuses: Mapping[str, int]
    rows: Mapping[str, int]
    bytes: Mapping[str, int]
    generations: int
    success: bool
    change: str | None = None

    @property
    def members_left(self) -> int | None:
        """Items of shards that are not committed, as far as that is known."""
        return None if self.members is None else self.members - self.members_done

    @property
    def complete(self) -> bool:
        """Whether every shard is committed."""
        return self.shards_done == self.shards

    @property
    def failed_fraction(self) -> float:
        """Failed members as a fraction of those done."""
        return self.failed / self.members_done if self.members_done else 0.0


def status(output: str, options: Mapping[str, Any] | None = None) -> Status:
    """How far the job in an output is.

    Args:
        output: Local path or fsspec URL.
        options: Keyword arguments of the fsspec file system.

    Raises:
        UserError: There is no job, or a record of it is damaged.
    """
    storage = Storage(output, options)
    require_identity(storage)
    heads = Heads.read(storage)
    return take_stock(storage, Plan(storage, heads.revisions()), heads)


def take_stock(storage: Storage, plan: Plan, heads: Heads) -> Status:
    """How far the job with this plan is."""
    done = heads.which(plan)
    told = heads.tally()
    left = plan.items[~done]
    given_up = plan.which(quarantined(storage))
    change = STOPPED_RETRY if heads.stale() else None
    if is_forgetting(storage):
        change = STOPPED_FORGET
    return Status(
        shards=len(plan),
        shards_done=int(done.sum()),
        shards_quarantined=int((given_up & ~done).sum()),
        members=None if (left < 0).any() else told.members + int(left.sum()),
        members_done=told.members,
        failed=told.failed,
        statuses=told.statuses,
        rows=told.rows,
        bytes=told.bytes,
        generations=plan.generations,
        success=storage.exists(SUCCESS),
        change=change,
    )
