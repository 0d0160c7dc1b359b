"""Shards run on Ray to the last of them, though Ray may go away meanwhile and come back."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Generator, Iterable, Sequence

from jobs.engine.interrupts import Interrupts
from jobs.engine.job import Job
from jobs.engine.reports import Result
from jobs.engine.settings import RunSettings
from jobs.engine.shards import ShardSpec
from jobs.engine.workers.cluster import ClusterLostError, connect
from jobs.engine.workers.pool import Beat, Pool
from jobs.storage.storage import Storage

# So often in a row, with no shard done in between, may Ray be lost.
_LOSSES = 3

_log = logging.getLogger(__name__)


def dispatched(
    job: Job | None,
    storage: Storage,
    packages: Sequence[str],
    settings: RunSettings,
    work: Callable[[], tuple[Iterable[ShardSpec], int]],
    beat: Callable[[int], None],
    signals: Interrupts,
) -> Generator[Result, None, None]:
    """Starts or joins Ray, runs shards there, and yields what became of each.

    Args:
        job: What to do; None where parts are merged and nothing else.
        storage: The output.
        packages: Packages whose versions go into the commit records.
        settings: Workers, attempts and limits.
        work: The shards that are left and their number; asked when Ray is up, and again whenever
            it was lost and is back.
        beat: Called about twice a second, with the number of workers that are ready.
        signals: The first lets shards in hand end.

    Raises:
        UserError: Something the user has to change.
        JobError: The job does not start in any worker, or Ray was lost for good.
        Interrupted: SIGINT or SIGTERM.
    """
    losses = 0
    while True:
        connected = False
        try:
            patience_s = settings.head_timeout_s if losses else 0.0
            with connect(settings, patience_s, lambda: beat(0)) as cluster:
                connected = True
                signals.install()
                shards, count = work()
                pool = Pool(job, storage, packages, cluster, settings)
                with (
                    signals.draining(settings.grace_s),
                    contextlib.closing(pool.run(shards, count, signals)) as events,
                ):
                    for event in events:
                        if isinstance(event, Beat):
                            beat(event.workers)
                        else:
                            losses = 0
                            yield event
            return
        except ClusterLostError as error:
            losses += 1
            if losses == _LOSSES or not connected:
                raise
            _log.warning(
                f"Ray at '{error.address}' has gone; waiting for it, at most "
                f"{settings.head_timeout_s:g} s"
            )
