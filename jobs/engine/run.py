"""A job from top to bottom: open, plan, run, summarise."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from jobs.engine.commit import (
    COMMITS,
    QUARANTINE,
    forget_failure,
    quarantined,
    surely_committed,
    write_failure,
)
from jobs.engine.errors import JobError, UserError
from jobs.engine.exchange.journal import finish_changes
from jobs.engine.files.room import check_room
from jobs.engine.files.storage import Storage
from jobs.engine.identity import Identity
from jobs.engine.interrupts import Interrupts, interrupts
from jobs.engine.job import Job
from jobs.engine.lease.lease import Lease
from jobs.engine.lease.rest import is_finished, take_late
from jobs.engine.plans.growth import Growth
from jobs.engine.plans.members import Member
from jobs.engine.plans.plan import PLAN, Plan
from jobs.engine.progress import Labels, Reporter
from jobs.engine.records import write_record
from jobs.engine.settings import RunSettings
from jobs.engine.shards import ShardReport, ShardSpec
from jobs.engine.status import SUCCESS, SUMMARY, Status, take_stock
from jobs.engine.workers.dispatch import dispatched
from jobs.engine.workers.traces import ATTEMPTS

# So many shards go out in plan order, to have something to look at; see `_running_order`.
_FIRST = 16
# Bugs that strike a photo here and there leave some shards whole; after so many that none is, it
# is not the photos.
_BUGS = 16

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Summary:
    """How a run ended.

    Attributes:
        status: How far the job is, this and earlier runs together.
        new_members: Members this run added to the plan.
        processed: Items of the shards this run committed.
        seconds: Time this run took.
        max_failed_fraction: Failed members the exit code tolerates.
    """

    status: Status
    new_members: int
    processed: int
    seconds: float
    max_failed_fraction: float

    @property
    def exit_code(self) -> int:
        """0, or 1 if shards are in quarantine or too many members failed."""
        too_many = self.status.failed_fraction > self.max_failed_fraction
        return int(too_many or not self.status.complete)


def run(
    job: Job,
    list_members: Callable[[], Iterable[Member]],
    output: str,
    settings: RunSettings,
    identity: Identity,
    *,
    labels: Labels = Labels(),  # noqa: B008 - frozen
    options: Mapping[str, Any] | None = None,
) -> Summary:
    """Runs a job, or what is left of it, until every shard is committed or given up.

    A job that is complete, and whose input holds no new keys, returns at once: Ray is not
    started and no file is touched.

    Args:
        job: What to do with every member.
        list_members: Lists the whole input, each time in the same order.
        output: Local path or fsspec URL.
        settings: Workers, attempts and reporting.
        identity: What determines the output.
        labels: What to call things when reporting progress.
        options: Keyword arguments of the output's fsspec file system.

    Raises:
        UserError: Something the user has to change; nothing that was committed is lost.
        JobError: The job does not start in any worker.
        Interrupted: SIGINT or SIGTERM; the same call resumes.
    """
    began = time.monotonic()
    storage = Storage(output, options)
    reporter = Reporter(labels, settings.line_every_s)
    with interrupts() as signals, Lease(storage) as lease, reporter:
        if not is_finished(storage):
            check_room(storage, settings.min_free_bytes)
            lease.take()
            finish_changes(storage)
        plan, growth = extend_plan(storage, list_members(), settings, identity, reporter, lease)
        if growth.changed:
            _log.warning(growth.sentence(labels.members))
        left = left_of(storage, plan)
        processed = 0
        if len(left):
            check_room(storage, settings.min_free_bytes)
            take_late(lease, storage, plan)
            processed = _run_shards(
                job, storage, identity, settings, plan, left, reporter, signals, lease
            )
        status = take_stock(storage, plan)
        finished_before = status.success and not len(left)
        status = replace(status, success=status.complete)
        seconds = round(time.monotonic() - began, 3)
        summary = Summary(status, growth.members, processed, seconds, settings.max_failed_fraction)
        if not finished_before:
            lease.take()
            write_summary(storage, summary)
        return summary


def extend_plan(
    storage: Storage,
    members: Iterable[Member],
    settings: RunSettings,
    identity: Identity,
    reporter: Reporter,
    lease: Lease,
) -> tuple[Plan, Growth]:
    """Stores a generation of what is new in the input, if anything is.

    Raises:
        UserError: The output is of another job, or has another run, or the input is empty.
    """
    for warning in identity.check(storage):
        _log.warning(warning)
    plan = Plan(storage)

    def before_new_generation() -> None:
        check_room(storage, settings.min_free_bytes)
        take_late(lease, storage, plan)
        storage.delete(SUCCESS)
        identity.write(storage)

    def listed(count: int) -> None:
        lease.check()
        reporter.listed(count)

    growth = plan.extend(members, settings.shards, listed, before_new_generation, lease.check)
    if not plan.generations:
        raise UserError(f"There is nothing in the input '{identity.input}'; check the path.")
    return plan, growth


def left_of(storage: Storage, plan: Plan, given_up: Collection[str] = ()) -> npt.NDArray[np.intp]:
    """Indices of the shards that are neither committed nor given up, in plan order."""
    return np.flatnonzero(~plan.which(surely_committed(storage) | set(given_up)))


def _run_shards(
    job: Job,
    storage: Storage,
    identity: Identity,
    settings: RunSettings,
    plan: Plan,
    left: npt.NDArray[np.intp],
    reporter: Reporter,
    signals: Interrupts,
    lease: Lease,
) -> int:
    """Runs the shards that are left; returns the items committed."""
    storage.delete(SUCCESS)
    processed = bugs = 0
    given_up_before = quarantined(storage)
    given_up: set[str] = set()
    started = False

    def work() -> tuple[Iterator[ShardSpec], int]:
        nonlocal started
        now = left_of(storage, plan, given_up) if started else left
        items, sizes = plan.items[now], plan.sizes[now]
        if not started:
            reporter.begin(None if (items < 0).any() else int(items.sum()), int(sizes.sum()))
        started = True
        order = now[_running_order(sizes, items)]
        return (plan.shard(int(index)) for index in order), len(order)

    def beat(workers: int) -> None:
        lease.check()
        reporter.tick(workers)

    packages = list(identity.packages)
    with (
        swept(storage, job, lease),
        contextlib.closing(
            dispatched(job, storage, packages, settings, work, beat, signals)
        ) as results,
    ):
        for result in results:
            lease.check()
            if isinstance(result, ShardReport):
                reporter.committed(result)
                processed += result.members
                if result.shard in given_up_before:
                    forget_failure(storage, result.shard)
            else:
                write_failure(storage, result)
                given_up.add(result.shard)
                reporter.given_up(result)
                bugs += not result.deaths
                if bugs >= _BUGS and not processed and len(left) == len(plan):
                    raise JobError(
                        f"The first {bugs} shards all failed, the last with: {result.reason}"
                    )
    return processed


@contextlib.contextmanager
def swept(storage: Storage, job: Job, lease: Lease) -> Iterator[None]:
    """Removes what killed writers left, before the first worker and after the last.

    Both, because the workers of a driver that was killed outlive it by a second or two.
    """
    folders = [PLAN, COMMITS, QUARANTINE, ATTEMPTS, "_job", "", *job.schemas]
    storage.sweep(folders)
    for name in storage.names(ATTEMPTS):
        storage.delete(f"{ATTEMPTS}/{name}")
    try:
        yield
    finally:
        if lease.held:  # else they may be those of another run
            storage.sweep(folders)
            for name in storage.names(ATTEMPTS):
                storage.delete(f"{ATTEMPTS}/{name}")


def _running_order(
    sizes: npt.NDArray[np.int64], items: npt.NDArray[np.int64]
) -> npt.NDArray[np.intp]:
    """Large shards before small ones, so that at the end no worker waits long for another."""
    order = np.lexsort((-items, -sizes))
    first = np.arange(min(_FIRST, len(order)))
    return np.concatenate([first, order[order >= _FIRST]])


def write_summary(storage: Storage, summary: Summary) -> None:
    """Stores how a run ended, and marks the output of a job that is complete."""
    record = {**asdict(summary), "exit_code": summary.exit_code}
    write_record(storage, SUMMARY, record)
    if summary.status.success:
        storage.publish_bytes(b"", SUCCESS)
