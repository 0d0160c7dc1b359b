"""How far a job is, from what is stored: works while it runs and after the driver is gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from jobs.engine.commit import committed, quarantined, read_commits
from jobs.engine.errors import UserError
from jobs.engine.exchange.journal import change_under_way
from jobs.engine.files.storage import Storage
from jobs.engine.plans.plan import Plan

SUCCESS = "_SUCCESS"
SUMMARY = "_job/summary.json"


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
        change: A sentence about a compaction or a retry that changes just now what is committed, or
            was killed while it did; None if there is none.
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
    plan = Plan(storage)
    if not plan.generations:
        raise UserError(f"There is no job in '{output}'; check the path.")
    return replace(take_stock(storage, plan), change=change_under_way(storage))


def take_stock(storage: Storage, plan: Plan) -> Status:
    """How far the job with this plan is."""
    done = plan.which(committed(storage))
    statuses: Counter[str] = Counter()
    rows: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    last: dict[str, str] = {}  # output -> the part seen last
    members_done = failed = 0
    names = (plan.shard(int(index)).shard for index in np.flatnonzero(done))
    for report in read_commits(storage, names):
        statuses.update(report.statuses)
        rows.update(report.rows)
        for name, part in report.parts.items():
            # Shards that share a part follow one another.
            sizes[name] += part.bytes if part.path != last.get(name) else 0
            last[name] = part.path
        members_done += report.members
        failed += report.failed
    left = plan.items[~done]
    given_up = plan.which(quarantined(storage))
    return Status(
        shards=len(plan),
        shards_done=int(done.sum()),
        shards_quarantined=int((given_up & ~done).sum()),
        members=None if (left < 0).any() else members_done + int(left.sum()),
        members_done=members_done,
        failed=failed,
        statuses=dict(statuses.most_common()),
        rows=dict(rows),
        bytes=dict(sizes),
        generations=plan.generations,
        success=storage.exists(SUCCESS),
    )
