"""A job from top to bottom: open, plan, run, summarise."""

from __future__ import annotations

import contextlib
import itertools
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from jobs.engine.driver.mending import Mended, mend, tell, wants_change
from jobs.engine.driver.merging import merge_all, regroupings
from jobs.engine.driver.progress import Reporter
from jobs.engine.driver.status import take_stock
from jobs.engine.driver.summary import Summary, after_change, finished
from jobs.engine.driver.working import Working
from jobs.engine.forgotten import Forgotten
from jobs.engine.identity import Identity
from jobs.engine.interrupts import interrupts
from jobs.engine.job import Job, Labels
from jobs.engine.lease.lease import Lease
from jobs.engine.lease.log import Log
from jobs.engine.ledger.card import write_card
from jobs.engine.ledger.commits import committed_numbers
from jobs.engine.ledger.ending import is_finished, show_ending, stored_summary
from jobs.engine.ledger.heads import Heads
from jobs.engine.ledger.ledger import Ledger
from jobs.engine.ledger.lost import lost_parts
from jobs.engine.plans.changes import Changes
from jobs.engine.plans.growth import Growth, KeyClashError, News
from jobs.engine.plans.plan import Plan
from jobs.engine.reports import ShardReport
from jobs.engine.settings import RunSettings
from jobs.engine.shards import ShardSpec
from jobs.engine.staged import staged_names
from jobs.engine.workers.joining import reach
from jobs.members import Member, Origin
from jobs.messages.errors import JobError, LeaseLostError, UserError
from jobs.storage.room import check_room
from jobs.storage.storage import Storage

# The first shards are handed out in plan order, since they are small and give early results; the
# rest by size, see `_running_order`.
_FIRST = 16
# Bugs that strike a photo here and there leave some shards whole; after so many that none is, it
# is not the photos.
_BUGS = 16

_log = logging.getLogger(__name__)


def run(
    job: Job,
    list_members: Callable[[], Iterable[Member]],
    output: str,
    settings: RunSettings,
    identity: Identity,
    *,
    inputs: Sequence[Origin] = (),
    labels: Labels = Labels(),  # noqa: B008 - frozen
    options: Mapping[str, Any] | None = None,
    prepare: Callable[[], None] = lambda: None,
    lost: Callable[[], Sequence[str]] = tuple,
) -> Summary:
    """Runs a job, or what is left of it, until every shard is committed or given up.

    A job that is complete, and whose input holds no new keys, returns at once: Ray is not
    started and no file is touched. Parts that are missing or damaged are made anew.

    Args:
        job: What to do with every member.
        list_members: Lists the whole input, each time in the same order.
        output: Local path or fsspec URL.
        settings: Workers, attempts and reporting.
        identity: What determines the output.
        inputs: Names of the input that is listed, the first is recorded; by default that of the
            identity.
        labels: What to call things when reporting progress.
        options: Keyword arguments of the output's fsspec file system.
        prepare: Called when there is something to do; raises where the job could do nothing of it.
        lost: Tells the parts whose rows tell of other files that are not there as they say.

    Raises:
        UserError: Something the user has to change; nothing that was committed is lost.
        KeyClashError: Keys of the input are planned already, for something else.
        JobError: The job does not start in any worker.
        Interrupted: SIGINT or SIGTERM; the same call resumes.
    """
    began = time.monotonic()
    storage = Storage(output, options)
    reporter = Reporter(labels, settings.line_every_s)

    def ready() -> None:
        reach(settings)
        prepare()

    with interrupts() as signals, Lease(storage) as lease, reporter:
        for warning in identity.check(storage):
            _log.warning(warning)
        ledger = Ledger(storage, lease, job.schemas)
        if not is_finished(storage):
            check_room(storage, settings.min_free_bytes)
            if not ledger.is_new:  # else what is wrong with the input leaves nothing behind
                ledger.begin()
        plan, growth, changes = extend_plan(
            storage,
            list_members(),
            settings,
            identity,
            reporter,
            ledger,
            inputs,
            ready=ready,
        )
        tell(growth, settings, labels.members)
        processed, mended = 0, Mended()
        left = np.flatnonzero(~ledger.heads.which(plan))
        missing = sorted({*lost_parts(storage, ledger.heads), *lost()})
        is_changing = wants_change(growth, settings)
        if len(left) or missing or is_changing or ledger.heads.stale():
            check_room(storage, settings.min_free_bytes)
            if len(left) or missing or is_changing:
                ready()
            ledger.begin_late()
        driver = Working(job, storage, identity, settings, ledger, reporter, signals)
        if len(left):
            processed = _run_shards(driver, plan, left)
        if missing or is_changing:
            ledger.refresh()
            mended = mend(driver, plan, missing, changes if is_changing else None)
        if not mended.given_up:  # parts that were lost are there again
            merge_all(storage, ledger, regroupings(job.row_group_bytes), settings, signals)

        def summarise(heads: Heads) -> Summary:
            status = take_stock(storage, plan, heads)
            return Summary(
                status if mended.given_up else finished(status),
                growth.members,
                processed + mended.processed,
                round(time.monotonic() - began, 3),
                settings.max_failed_fraction,
                mended.dropped,
                mended.given_up,
            )

        if not ledger.epoch:
            summary = summarise(ledger.heads)
            if summary.tells_of(stored_summary(storage)) and not staged_names(storage):
                return summary  # nothing was to be done
            # A driver that was taken for dead has done something since, or one that was killed has
            # left something.
            ledger.begin_late()
        ledger.check()
        write_card(storage, list(job.schemas))
        return ledger.end(summarise)


def extend_plan(
    storage: Storage,
    members: Iterable[Member],
    settings: RunSettings,
    identity: Identity,
    reporter: Reporter,
    ledger: Ledger,
    inputs: Sequence[Origin] = (),
    *,
    ready: Callable[[], None] = lambda: None,
) -> tuple[Plan, Growth, Changes]:
    """Stores a generation of what is new in the input, if anything is.

    Args:
        storage: The output.
        members: The whole input.
        settings: How members are cut into shards.
        identity: What determines the output.
        reporter: Tells how far the driver is.
        ledger: Records of the output.
        inputs: Inputs that it was planned from so far; that of the identity by default.
        ready: Called before anything is written; raises if what is planned could not be done.

    Raises:
        UserError: The output is of another job, or has another run, or the input is empty.
        KeyClashError: Keys of the input are planned already, for something else.
    """
    plan = Plan(storage, ledger.heads.revisions())
    inputs = inputs or [Origin(identity.input)]
    news = News(plan.planned, inputs, redo=settings.changed == "redo")
    members = Forgotten.read(storage).without(members)

    def before_new_generation() -> int:
        ready()
        check_room(storage, settings.min_free_bytes)
        ledger.begin_late()
        identity.write(storage)
        return ledger.epoch

    def listed(count: int) -> None:
        ledger.check()
        reporter.listed(count)

    try:
        growth = plan.extend(
            members, settings.shards, listed, before_new_generation, ledger.check, news
        )
    except LeaseLostError:  # perhaps just after the new generation has come to count
        show_ending(storage, Log(storage))
        raise
    except KeyClashError:
        if ledger.epoch:  # the output is as it was
            ledger.end(lambda heads: after_change(storage, take_stock(storage, plan, heads)))
        raise
    if not plan.generations:
        raise UserError(f"there is nothing in the input '{identity.input}': check the path")
    return plan, growth, news.changes


def _run_shards(driver: Working, plan: Plan, left: npt.NDArray[np.intp]) -> int:
    """Runs the shards that are left; returns the items committed."""
    ledger, reporter = driver.ledger, driver.reporter
    processed = bugs = 0
    given_up: set[str] = set()
    starts = itertools.count()

    def work() -> tuple[Iterator[ShardSpec], int]:
        now = left
        if not next(starts):
            reporter.begin(*_amounts(plan, left))
        else:  # Ray was lost, and with it what some workers had to say
            done = plan.which_numbers(committed_numbers(driver.storage)) | plan.which(given_up)
            now = np.flatnonzero(~done)
        order = now[_running_order(plan.sizes[now], plan.items[now])]
        specs = (replace(plan.shard(int(index)), epoch=ledger.epoch) for index in order)
        return specs, len(order)

    try:
        with contextlib.closing(driver.results(work)) as results:
            for result in results:
                if isinstance(result, ShardReport):
                    ledger.committed(result)
                    reporter.committed(result)
                    processed += result.members
                    continue
                given_up.add(result.shard)
                bugs += not result.deaths
                if bugs >= _BUGS and not processed and len(left) == len(plan):
                    raise JobError(
                        f"the first {bugs} shards all failed, the last with: {result.reason}"
                    )
    finally:
        ledger.sweep()
    return processed


def _amounts(plan: Plan, shards: npt.NDArray[np.intp]) -> tuple[int | None, int]:
    """Items and bytes of some shards; None items where only reading them tells."""
    items = plan.items[shards]
    return None if (items < 0).any() else int(items.sum()), int(plan.sizes[shards].sum())


def _running_order(
    sizes: npt.NDArray[np.int64], items: npt.NDArray[np.int64]
) -> npt.NDArray[np.intp]:
    """Large shards before small ones, so that at the end no worker waits long for another."""
    order = np.lexsort((-items, -sizes))
    first = np.arange(min(_FIRST, len(order)))
    return np.concatenate([first, order[order >= _FIRST]])
