"""A job from top to bottom: open, plan, run, summarise."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from jobs.engine.cluster import connect
from jobs.engine.commit import (
    COMMITS,
    QUARANTINE,
    committed,
    forget_failure,
    quarantined,
    write_failure,
)
from jobs.engine.errors import UserError
from jobs.engine.growth import Growth
from jobs.engine.identity import Identity
from jobs.engine.interrupts import Interrupts, interrupts
from jobs.engine.job import Job
from jobs.engine.journal import finish_compaction
from jobs.engine.members import Member
from jobs.engine.plan import PLAN, Plan
from jobs.engine.pool import Beat, Pool
from jobs.engine.progress import Labels, Reporter
from jobs.engine.settings import RunSettings
from jobs.engine.shards import ShardReport
from jobs.engine.status import SUCCESS, Status, take_stock
from jobs.engine.storage import Storage
from jobs.engine.worker import ATTEMPTS

SUMMARY = "_job/summary.json"

# So many shards go out in plan order, to have something to look at; see `_running_order`.
_FIRST = 16

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
    with interrupts() as signals, storage.lock(), reporter:
        finish_compaction(storage)
        plan, growth = extend_plan(storage, list_members(), settings, identity, reporter)
        if growth.changed:
            _log.warning(growth.sentence(labels.members))
        left = left_of(storage, plan)
        processed = 0
        if len(left):
            processed = _run_shards(job, storage, identity, settings, plan, left, reporter, signals)
        status = take_stock(storage, plan)
        finished_before = status.success and not len(left)
        status = replace(status, success=status.complete)
        seconds = round(time.monotonic() - began, 3)
        summary = Summary(status, growth.members, processed, seconds, settings.max_failed_fraction)
        if not finished_before:
            _finish(storage, summary)
        return summary


def extend_plan(
    storage: Storage,
    members: Iterable[Member],
    settings: RunSettings,
    identity: Identity,
    reporter: Reporter,
) -> tuple[Plan, Growth]:
    """Stores a generation of what is new in the input, if anything is.

    Raises:
        UserError: The output is of another job, or the input is empty.
    """
    for warning in identity.check(storage):
        _log.warning(warning)
    plan = Plan(storage)

    def before_new_generation() -> None:
        storage.delete(SUCCESS)
        identity.write(storage)

    growth = plan.extend(members, settings.shards, reporter.listed, before_new_generation)
    if not plan.generations:
        raise UserError(f"There is nothing in the input '{identity.input}'; check the path.")
    return plan, growth


def left_of(storage: Storage, plan: Plan) -> npt.NDArray[np.intp]:
    """Indices of the shards that are not committed, in plan order."""
    return np.flatnonzero(~plan.which(committed(storage)))


def _run_shards(
    job: Job,
    storage: Storage,
    identity: Identity,
    settings: RunSettings,
    plan: Plan,
    left: npt.NDArray[np.intp],
    reporter: Reporter,
    signals: Interrupts,
) -> int:
    """Runs the shards that are left; returns the items committed."""
    storage.delete(SUCCESS)
    processed = 0
    given_up_before = quarantined(storage)
    with _swept(storage, job), connect(settings) as cluster:
        signals.install()
        items, sizes = plan.items[left], plan.sizes[left]
        reporter.begin(None if (items < 0).any() else int(items.sum()), int(sizes.sum()))
        pool = Pool(job, storage, list(identity.packages), cluster, settings)
        shards = (plan.shard(int(index)) for index in left[_running_order(sizes, items)])
        with contextlib.closing(pool.run(shards, len(left))) as events:
            for event in events:
                if isinstance(event, Beat):
                    reporter.tick(event.workers)
                elif isinstance(event, ShardReport):
                    reporter.committed(event)
                    processed += event.members
                    if event.shard in given_up_before:
                        forget_failure(storage, event.shard)
                else:
                    reporter.quarantined()
                    write_failure(storage, event)
    return processed


@contextlib.contextmanager
def _swept(storage: Storage, job: Job) -> Iterator[None]:
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
        storage.sweep(folders)


def _running_order(
    sizes: npt.NDArray[np.int64], items: npt.NDArray[np.int64]
) -> npt.NDArray[np.intp]:
    """Large shards before small ones, so that at the end no worker waits long for another."""
    order = np.lexsort((-items, -sizes))
    first = np.arange(min(_FIRST, len(order)))
    return np.concatenate([first, order[order >= _FIRST]])


def _finish(storage: Storage, summary: Summary) -> None:
    record = {**asdict(summary), "exit_code": summary.exit_code}
    storage.publish_bytes(json.dumps(record, indent=1).encode(), SUMMARY)
    if summary.status.success:
        storage.publish_bytes(b"", SUCCESS)
