"""Merges as work for workers, and what is done with what they have made."""

from __future__ import annotations

import contextlib
import pickle
import time
from collections.abc import Callable, Generator, Iterable, Iterator

from jobs.engine.interrupts import Interrupts
from jobs.engine.ledger.heads import Heads
from jobs.engine.ledger.ledger import Ledger
from jobs.engine.reports import MergeReport, Result, ShardFailure
from jobs.engine.settings import RunSettings
from jobs.engine.shards import Merge, ShardSpec
from jobs.engine.workers.dispatch import dispatched
from jobs.engine.workers.worker import Worker
from jobs.messages.bar import bar
from jobs.messages.errors import JobError
from jobs.storage.storage import Storage

# Ray takes 4 s to start, in which one process merges more than this.
_SMALL_BYTES = 64 * 2**20
# What was merged is put in place as often as this, so that not much is done again after a kill.
_REPLACE_EVERY_S = 2.0


def merge_all(
    storage: Storage,
    ledger: Ledger,
    find: Callable[[Heads], Iterable[Merge]],
    settings: RunSettings,
    signals: Interrupts,
) -> None:
    """Merges parts on workers, or in this process if they are few, and puts them in place.

    Args:
        storage: The output.
        ledger: Ledger of this driver, which has begun.
        find: What is to be merged, given what is committed; no two concern the same rows.
        settings: Settings of the workers.
        signals: The first lets merges in hand end.

    Raises:
        UserError: A part is damaged.
        JobError: Workers died of a merge again and again.
        Interrupted: SIGINT or SIGTERM.
    """
    shards = count = size = 0
    for merge in find(ledger.heads):
        shards, count, size = shards + len(merge.shards), count + 1, size + _spec(merge, 0).bytes
    if not count:
        return
    waiting: list[MergeReport] = []

    def put_in_place() -> None:
        if waiting:
            ledger.replace(merged=[merged for report in waiting for merged in report.merged])
            waiting.clear()

    def work() -> tuple[Iterator[ShardSpec], int]:
        put_in_place()
        left = sum(1 for _ in find(ledger.heads))
        return (_spec(merge, ledger.epoch) for merge in find(ledger.heads)), left

    results = (
        _here(storage, settings, work()[0])
        if size < _SMALL_BYTES
        else dispatched(None, storage, (), settings, work, lambda _: ledger.check(), signals)
    )
    due = time.monotonic() + _REPLACE_EVERY_S
    try:
        with bar("merging", "shards", shards) as advance, contextlib.closing(results):
            for result in results:
                ledger.check()
                if isinstance(result, ShardFailure):
                    raise JobError(f"parts cannot be merged: {result.reason}\n{result.traceback}")
                assert isinstance(result, MergeReport)
                waiting.append(result)
                advance(result.shards)
                if time.monotonic() >= due:
                    put_in_place()
                    due = time.monotonic() + _REPLACE_EVERY_S
    finally:
        if ledger.is_held:
            put_in_place()


def regroupings(row_group_bytes: int) -> Callable[[Heads], Iterator[Merge]]:
    """Finds what gives shared files back their rows, after shards with rows there were retried."""

    def find(heads: Heads) -> Iterator[Merge]:
        for (output, _), shards in heads.stale().items():
            yield Merge(output, shards, row_group_bytes)

    return find


def _spec(merge: Merge, epoch: int) -> ShardSpec:
    """A merge as a worker is handed it."""
    size = sum(part.size for part in merge.shards.values())
    return ShardSpec(next(iter(merge.shards)), "", 0, None, size, epoch=epoch, merge=merge)


def _here(
    storage: Storage, settings: RunSettings, specs: Iterable[ShardSpec]
) -> Generator[Result, None, None]:
    """Merges parts in this process, one merge after the other."""
    worker = Worker(storage.url, storage.options, (), None, settings.min_free_bytes)
    worker.start(pickle.dumps(None))
    for spec in specs:
        yield worker.run(spec)
