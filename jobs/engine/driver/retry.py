"""Some items of committed shards are processed again: choose, run, put in place, summarise."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from jobs.engine.driver.merging import merge_all, regroupings
from jobs.engine.driver.progress import Reporter
from jobs.engine.driver.status import take_stock
from jobs.engine.driver.summary import Summary, finished
from jobs.engine.driver.working import Working
from jobs.engine.identity import Identity, require_identity
from jobs.engine.interrupts import interrupts
from jobs.engine.job import Job, Labels
from jobs.engine.lease.lease import Lease
from jobs.engine.ledger.ending import is_at_rest
from jobs.engine.ledger.heads import Head, Heads
from jobs.engine.ledger.ledger import Ledger
from jobs.engine.plans.plan import Plan
from jobs.engine.reports import ShardReport
from jobs.engine.settings import RunSettings
from jobs.engine.shards import Retry, ShardSpec
from jobs.engine.workers.joining import reach
from jobs.storage.room import check_room
from jobs.storage.storage import Storage

# What was processed again is put in place as often as this, so that it is not lost with the driver.
_REPLACE_EVERY_S = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Retried:
    """How a retry ended.

    Attributes:
        summary: Summary of the job; `processed` are the items that were processed again.
        given_up: Shards whose items could not be; they are as they were.
    """

    summary: Summary
    given_up: int

    @property
    def exit_code(self) -> int:
        """The exit code of a run with this summary; 1 as well if shards were given up."""
        return self.summary.exit_code or int(self.given_up > 0)


def retry_items(
    job: Job,
    output: str,
    settings: RunSettings,
    identity: Identity,
    statuses: tuple[str, ...],
    *,
    check_input: Callable[[], None] = lambda: None,
    labels: Labels = Labels(),  # noqa: B008 - frozen
    options: Mapping[str, Any] | None = None,
) -> Retried:
    """Processes the items with some statuses again, and replaces their rows.

    At the end the rows, and the bytes of the parts, are what they would be if those items had come
    out so in the first place; replaced parts have other names. Where there is nothing to do, Ray is
    not started and no file is touched. It may be interrupted or killed at any time; the same call
    goes on, and what was processed again by then is not lost.

    Args:
        job: The job that the output is of.
        output: Local path or fsspec URL.
        settings: Workers, attempts and reporting.
        identity: What determines the output.
        statuses: Statuses of the items to process again.
        check_input: Called if there are any; raises if the input is not there.
        labels: What to call things when reporting progress.
        options: Keyword arguments of the output's fsspec file system.

    Raises:
        UserError: Something the user has to change.
        JobError: The job does not start in any worker.
        Interrupted: SIGINT or SIGTERM; the same call resumes.
    """
    began = time.monotonic()
    storage = Storage(output, options)
    reporter = Reporter(labels, settings.line_every_s)
    with interrupts() as signals, Lease(storage) as lease, reporter:
        require_identity(storage)
        for warning in identity.check(storage):
            _log.warning(warning)
        plan = Plan(storage)
        ledger = Ledger(storage, lease, job.schemas)
        if not is_at_rest(storage):
            check_room(storage, settings.min_free_bytes)
            ledger.begin()
        chosen = ledger.heads.with_status(statuses)
        processed = given_up = 0
        if chosen:
            check_input()
            reach(settings)
            check_room(storage, settings.min_free_bytes)
            ledger.begin_late()
            driver = Working(job, storage, identity, settings, ledger, reporter, signals)
            processed, given_up = _Retry(driver, plan, statuses).run(chosen)
        if ledger.heads.stale():
            ledger.begin_late()
            merge_all(storage, ledger, regroupings(job.row_group_bytes), settings, signals)

        def summarise(heads: Heads) -> Summary:
            status = finished(take_stock(storage, plan, heads))
            seconds = round(time.monotonic() - began, 3)
            return Summary(status, 0, processed, seconds, settings.max_failed_fraction)

        summary = ledger.end(summarise) if ledger.epoch else summarise(ledger.heads)
        return Retried(summary, given_up)


@dataclass(frozen=True)
class _Retry:
    """A retry of one output, by a driver that has begun."""

    driver: Working
    plan: Plan
    statuses: tuple[str, ...]

    def run(self, chosen: Mapping[str, int]) -> tuple[int, int]:
        """Processes items of some shards again, and puts their rows in place.

        Args:
            chosen: Shard -> items to be processed again.

        Returns:
            Items that were processed again, and shards that were given up.
        """
        ledger, reporter = self.driver.ledger, self.driver.reporter
        left = dict.fromkeys(chosen)
        processed = given_up = 0
        waiting: list[ShardReport] = []
        due = time.monotonic() + _REPLACE_EVERY_S
        planned = self.plan.sizes[self.plan.which(chosen)]
        reporter.begin(sum(chosen.values()), int(planned.sum()))
        try:
            with contextlib.closing(
                self.driver.results(lambda: (self._specs(list(left)), len(left)))
            ) as results:
                for result in results:
                    del left[result.shard]
                    if isinstance(result, ShardReport):
                        [old] = ledger.heads.of([result.shard])
                        reporter.committed(self._gain(old, result))
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

    def _specs(self, shards: list[str]) -> Iterator[ShardSpec]:
        """The shards as workers get them, in plan order."""
        indices = np.flatnonzero(self.plan.which(shards))
        for index, head in zip(indices, self.driver.ledger.heads.of(shards), strict=True):
            again = Retry(self.statuses, head.parts, head.verdicts)
            spec = self.plan.shard(int(index))
            yield replace(spec, members=None, epoch=self.driver.ledger.epoch, retry=again)

    def _gain(self, old: Head, new: ShardReport) -> ShardReport:
        """A report of the items that were processed again."""
        failed_before = {
            failed: old.statuses.get(failed, 0) for failed in self.driver.job.failed_statuses
        }
        staying = sum(n for failed, n in failed_before.items() if failed not in self.statuses)
        parts = {
            name: replace(part, rows=max(0, part.rows - old.parts[name].rows))
            for name, part in new.parts.items()
        }
        return replace(new, members=new.retried, failed=max(0, new.failed - staying), parts=parts)
