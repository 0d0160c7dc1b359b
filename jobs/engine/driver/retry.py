"""Some items of committed shards are processed again: choose, run, summarise."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jobs.engine.driver.again import Again, Processing
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
from jobs.engine.ledger.heads import Heads
from jobs.engine.ledger.ledger import Ledger
from jobs.engine.ledger.lost import refuse_lost
from jobs.engine.plans.plan import Plan, PlanReader
from jobs.engine.settings import RunSettings
from jobs.members import Member
from jobs.storage.room import check_room
from jobs.storage.storage import Storage

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
    check_input: Callable[[Iterable[Member]], None] = lambda members: None,
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
        check_input: Given a member of each generation that has such items; raises if the input
            that one was planned from is not there.
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
        ledger = Ledger(storage, lease, job.schemas)
        if not is_at_rest(storage):
            check_room(storage, settings.min_free_bytes)
            ledger.begin()
        refuse_lost(storage, ledger.heads)
        plan = Plan(storage, ledger.heads.revisions())
        chosen = ledger.heads.with_status(statuses)
        processed = given_up = 0
        if chosen:
            check_input(_one_of_each(storage, plan, chosen))
            check_room(storage, settings.min_free_bytes)
            ledger.begin_late()
            driver = Working(job, storage, identity, settings, ledger, reporter, signals)
            again = {shard: Again(items, statuses) for shard, items in chosen.items()}
            processed, given_up = Processing(driver, plan).run(again)
        if ledger.heads.stale():
            ledger.begin_late()
            merge_all(storage, ledger, regroupings(job.row_group_bytes), settings, signals)

        def summarise(heads: Heads) -> Summary:
            status = finished(take_stock(storage, plan, heads))
            seconds = round(time.monotonic() - began, 3)
            return Summary(status, 0, processed, seconds, settings.max_failed_fraction)

        summary = ledger.end(summarise) if ledger.epoch else summarise(ledger.heads)
        return Retried(summary, given_up)


def _one_of_each(storage: Storage, plan: Plan, shards: Iterable[str]) -> Iterator[Member]:
    """A member of each generation that some shards are of."""
    reader, seen = PlanReader(storage), set[str]()
    for index in np.flatnonzero(plan.which(shards)).tolist():
        spec = plan.shard(index)
        generation = spec.shard.partition("-")[0]
        if generation not in seen and (members := reader.members(spec)):
            seen.add(generation)
            yield members[0]
