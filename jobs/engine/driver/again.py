"""Committed shards processed again, in part or whole: run them, and put their rows in place."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from jobs.engine.driver.working import Working
from jobs.engine.ledger.heads import Head
from jobs.engine.plans.plan import Plan
from jobs.engine.reports import Revision, ShardReport
from jobs.engine.shards import Retry, ShardSpec

# What was processed again is put in place as often as this, so that it is not lost with the driver.
_REPLACE_EVERY_S = 1.0


@dataclass(frozen=True)
class Again:
    """What is to be done about a committed shard.

    Attributes:
        items: Items that are processed again; None where only reading tells.
        statuses: Those of the items that are.
        revision: Its members from now on; those that are others are processed too, and those that
            are not there any more lose their rows. None if they stay.
        whole: Whether all of it is processed again, and none of its rows looked at.
    """

    items: int | None
    statuses: tuple[str, ...] = ()
    revision: Revision | None = None
    whole: bool = False


@dataclass(frozen=True)
class Processing:
    """Shards of one output to be processed again, by a driver that has begun.

    Attributes:
        driver: The driver.
        plan: The plan as it was before.
    """

    driver: Working
    plan: Plan

    def run(self, chosen: Mapping[str, Again]) -> tuple[int, int]:
        """Processes some shards again, and puts their rows in place.

        Args:
            chosen: Shard -> what is to be done about it.

        Returns:
            Items that were processed again, and shards that were given up.
        """
        ledger, reporter = self.driver.ledger, self.driver.reporter
        left = dict(chosen)
        processed = given_up = 0
        waiting: list[ShardReport] = []
        due = time.monotonic() + _REPLACE_EVERY_S
        planned = self.plan.sizes[self.plan.which(chosen)]
        counts = [each.items for each in chosen.values()]
        total = None if None in counts else sum(count or 0 for count in counts)
        reporter.begin(total, int(planned.sum()))
        try:
            with contextlib.closing(
                self.driver.results(lambda: (self._specs(left), len(left)))
            ) as results:
                for result in results:
                    again = left.pop(result.shard)
                    if isinstance(result, ShardReport):
                        [old] = ledger.heads.of([result.shard])
                        reporter.committed(self._gain(old, result, again))
                        processed += result.retried
                        waiting.append(result)
                    else:
                        given_up += 1
                    if time.monotonic() >= due:
                        ledger.replace(retried=waiting)
                        waiting, due = [], time.monotonic() + _REPLACE_EVERY_S
        finally:
            if waiting and ledger.is_held:
                ledger.replace(retried=waiting)
            ledger.sweep()
        return processed, given_up

    def _specs(self, left: Mapping[str, Again]) -> Iterator[ShardSpec]:
        """The shards as workers get them, in plan order."""
        chosen = dict(left)
        indices = np.flatnonzero(self.plan.which(chosen))
        for index, head in zip(indices, self.driver.ledger.heads.of(chosen), strict=True):
            yield self._spec(self.plan.shard(int(index)), head, chosen[head.shard])

    def _spec(self, spec: ShardSpec, head: Head, again: Again) -> ShardSpec:
        before = None
        if again.revision:
            before = spec.plan_file, spec.row_group
            spec = spec.revised(again.revision)
        retry = Retry(again.statuses, head.parts, head.verdicts, before, again.whole)
        members = spec.members if again.whole else None
        return replace(spec, members=members, epoch=self.driver.ledger.epoch, retry=retry)

    def _gain(self, old: Head, new: ShardReport, again: Again) -> ShardReport:
        """A report of the items that were processed again."""
        if again.whole:
            return replace(new, members=new.retried)
        failed_before = {
            failed: old.statuses.get(failed, 0) for failed in self.driver.job.failed_statuses
        }
        staying = sum(n for failed, n in failed_before.items() if failed not in again.statuses)
        parts = {
            name: replace(part, rows=max(0, part.rows - old.parts[name].rows))
            for name, part in new.parts.items()
        }
        return replace(new, members=new.retried, failed=max(0, new.failed - staying), parts=parts)
