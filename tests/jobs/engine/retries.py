"""Retries of the stand-in job in this process, without Ray."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from jobs.engine.driver.retry import Retried, retry_items
from jobs.engine.ledger.commits import committed
from jobs.engine.plans.plan import Plan
from jobs.engine.reports import ShardFailure, ShardReport
from jobs.engine.settings import RunSettings, ShardSizes
from jobs.engine.shards import ShardSpec
from jobs.engine.workers.worker import Worker
from jobs.storage.storage import Storage
from tests.jobs.engine.outputs import IDENTITY
from tests.jobs.engine.stand_in import ChecksumJob, list_folder

JOB = ChecksumJob()
SIZES = ShardSizes(first=2, step=1000, max_members=2)
UNREADABLE = ("unreadable",)
LOST = ("00001.txt", "00004.txt", "00005.txt", "00013.txt")


def run_here(
    job: Any,
    storage: Storage,
    packages: Sequence[str],
    settings: RunSettings,
    work: Callable[[], tuple[Iterable[ShardSpec], int]],
    beat: Callable[[int], None],
    signals: object,
) -> Iterator[ShardReport | ShardFailure]:
    """Runs shards one after the other, in place of `jobs.engine.workers.dispatch.dispatched`."""
    worker = Worker(storage.url, storage.options, packages)
    worker.start(pickle.dumps(job))
    beat(1)
    yield from map(worker.run, work()[0])


def commit_all(output: str, folder: Path, job: ChecksumJob = JOB) -> Plan:
    """Plans what is new in a folder, and commits every shard that is not committed."""
    storage = Storage(output)
    IDENTITY.write(storage)
    plan = Plan(storage)
    plan.extend(list_folder(folder), SIZES)
    worker = Worker(output, {}, ["pyarrow"])
    worker.start(pickle.dumps(job))
    done = committed(storage)
    for spec in plan.shards():
        if spec.shard not in done:
            assert isinstance(worker.run(spec), ShardReport)
    return plan


def retry(
    output: str | Path, statuses: tuple[str, ...] = UNREADABLE, job: ChecksumJob = JOB
) -> Retried:
    """Retries with the settings of the outputs made here."""
    return retry_items(job, str(output), RunSettings(workers=1), IDENTITY, statuses)


def lose(folder: Path, away: Path) -> None:
    """Takes some files away."""
    away.mkdir()
    for name in LOST:
        (folder / name).rename(away / name)


def bring_back(folder: Path, away: Path) -> None:
    """Brings them back."""
    for name in LOST:
        (away / name).rename(folder / name)
