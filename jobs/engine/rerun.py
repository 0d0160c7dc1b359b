"""Some items of committed shards are processed again: choose, run, put in place, summarise."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from jobs.engine.commit import committed, forget_failure, quarantined, read_commits, write_failure
from jobs.engine.errors import UserError
from jobs.engine.exchange.journal import finish_changes
from jobs.engine.exchange.settle import settle
from jobs.engine.exchange.staging import STAGING, staged_shards, sweep_staging
from jobs.engine.files.room import check_room
from jobs.engine.files.storage import Storage
from jobs.engine.identity import Identity
from jobs.engine.interrupts import Interrupts, interrupts
from jobs.engine.job import Job
from jobs.engine.lease.lease import Lease
from jobs.engine.lease.rest import is_at_rest
from jobs.engine.plans.plan import Plan
from jobs.engine.progress import Labels, Reporter
from jobs.engine.run import Summary, swept, write_summary
from jobs.engine.settings import RunSettings
from jobs.engine.shards import ShardReport, ShardSpec
from jobs.engine.status import SUCCESS, take_stock
from jobs.engine.workers.dispatch import dispatched

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rerun:
    """How a retry ended.

    Attributes:
        summary: Of the job; `processed` are the items that were processed again.
        given_up: Shards whose items could not be; they are as they were.
    """

    summary: Summary
    given_up: int

    @property
    def exit_code(self) -> int:
        """As after a run; 1 too if shards were given up."""
        return self.summary.exit_code or int(self.given_up > 0)


def rerun(
    job: Job,
    output: str,
    settings: RunSettings,
    identity: Identity,
    statuses: tuple[str, ...],
    *,
    check_input: Callable[[], None] = lambda: None,
    labels: Labels = Labels(),  # noqa: B008 - frozen
    options: Mapping[str, Any] | None = None,
) -> Rerun:
    """Processes the items with some statuses again, and replaces their rows.

    At the end the parts are what they would be if those items had come out so in the first place.
    A shard changes as a whole: while its parts do, it has no commit. Where there is nothing to do,
    Ray is not started and no file is touched. It may be interrupted or killed at any time; the
    same call goes on, and what was processed again by then is not lost.

    Args:
        job: That the output is of.
        output: Local path or fsspec URL.
        settings: Workers, attempts and reporting.
        identity: What determines the output.
        statuses: Of the items to process again.
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
        for warning in identity.check(storage):
            _log.warning(warning)
        plan = Plan(storage)
        if not plan.generations:
            raise UserError(f"There is no job in '{output}'; check the path.")
        retry = _Retry(job, storage, settings, identity, plan, lease, statuses)
        changed = retry.finish_earlier()
        chosen, counts = retry.choose()
        if len(chosen):
            check_input()
            check_room(storage, settings.min_free_bytes)
            if not lease.held:
                lease.take()
                finish_changes(storage)
                chosen, counts = retry.choose()  # another run may have changed them until now
            storage.delete(SUCCESS)
            retry.run(chosen, counts, reporter, signals)
            changed = True
        status = take_stock(storage, plan)
        # Of an earlier one that was stopped, this may be all that is left to do.
        unmarked = status.complete and not status.success
        status = replace(status, success=status.complete)
        seconds = round(time.monotonic() - began, 3)
        summary = Summary(status, 0, retry.processed, seconds, settings.max_failed_fraction)
        if changed or unmarked:
            lease.take()
            finish_changes(storage)  # and with them what an earlier end has left half written
            write_summary(storage, summary)
        return Rerun(summary, retry.given_up)


class _Retry:
    """A retry of one output, by a driver that has the lease wherever it writes.

    Attributes:
        processed: Items that were processed again.
        given_up: Shards whose items could not be.
    """

    def __init__(
        self,
        job: Job,
        storage: Storage,
        settings: RunSettings,
        identity: Identity,
        plan: Plan,
        lease: Lease,
        statuses: tuple[str, ...],
    ) -> None:
        self.processed = 0
        self.given_up = 0
        self._job = job
        self._storage = storage
        self._settings = settings
        self._identity = identity
        self._plan = plan
        self._lease = lease
        self._statuses = statuses

    def finish_earlier(self) -> bool:
        """Puts in place what a retry that was stopped has left; tells whether there was any."""
        storage = self._storage
        staged = storage.names(STAGING) or storage.leftovers(STAGING)
        if is_at_rest(storage) and not staged:
            return False
        check_room(storage, self._settings.min_free_bytes)
        self._lease.take()
        storage.delete(SUCCESS)
        finish_changes(storage)
        self._settle_all()
        return True

    def choose(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int64]]:
        """Indices of the shards that have items to process again, and how many each has."""
        done = np.flatnonzero(self._done())
        names = (self._plan.shard(int(index)).shard for index in done)
        found = (
            sum(report.statuses.get(status, 0) for status in self._statuses)
            for report in read_commits(self._storage, names)
        )
        counts = np.fromiter(found, np.int64, len(done))
        return done[counts > 0], counts[counts > 0]

    def run(
        self,
        chosen: npt.NDArray[np.intp],
        counts: npt.NDArray[np.int64],
        reporter: Reporter,
        signals: Interrupts,
    ) -> None:
        """Processes the items of some shards again, and puts them in place."""
        storage, plan, job = self._storage, self._plan, self._job
        given_up_before = quarantined(storage)
        done = self._done()
        ended: set[str] = set()

        def work() -> tuple[Iterator[ShardSpec], int]:
            specs = (plan.shard(int(index)) for index in chosen)
            left = (
                replace(spec, members=None, redo=self._statuses)
                for spec in specs
                if spec.shard not in ended
            )
            return left, len(chosen) - len(ended)

        def beat(workers: int) -> None:
            self._lease.check()
            reporter.tick(workers)

        reporter.begin(int(counts.sum()), int(plan.sizes[chosen].sum()))
        packages = list(self._identity.packages)
        events = dispatched(job, storage, packages, self._settings, work, beat, signals)
        with swept(storage, job, self._lease), contextlib.closing(events):
            for event in events:
                self._lease.check()
                ended.add(event.shard)
                if isinstance(event, ShardReport):
                    self._processed(event, done, reporter)
                    if event.shard in given_up_before:
                        forget_failure(storage, event.shard)
                else:
                    self.given_up += 1
                    write_failure(storage, event)
                    reporter.given_up(event)
        self._settle_all()

    def _processed(
        self, report: ShardReport, done: npt.NDArray[np.bool_], reporter: Reporter
    ) -> None:
        [old] = read_commits(self._storage, [report.shard])
        reporter.committed(self._gain(old, report))
        self.processed += report.retried
        # A part that others share is written once, when all of them are here; and until then
        # workers read it.
        if all(part.own_bytes is None for part in old.parts.values()):
            self._settle(done, [report.shard])

    def _done(self) -> npt.NDArray[np.bool_]:
        return self._plan.which(committed(self._storage))

    def _settle_all(self) -> None:
        sweep_staging(self._storage)
        self._settle(self._done(), staged_shards(self._storage))
        sweep_staging(self._storage)
        self._storage.forget_folders(STAGING)

    def _settle(self, done: npt.NDArray[np.bool_], shards: list[str]) -> None:
        settle(
            self._storage, self._plan, done, shards, self._job.row_group_bytes, self._lease.check
        )

    def _gain(self, old: ShardReport, new: ShardReport) -> ShardReport:
        """A report of the items that were processed again."""
        failed_before = sum(
            old.statuses.get(status, 0)
            for status in self._job.failed_statuses.intersection(self._statuses)
        )
        parts = {
            name: replace(part, rows=max(0, part.rows - old.parts[name].rows))
            for name, part in new.parts.items()
        }
        still = max(0, new.failed - (old.failed - failed_before))
        return replace(new, members=new.retried, failed=still, parts=parts)
