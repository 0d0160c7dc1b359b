"""Shards run on workers: what a driver does about each, whether it runs or retries them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass

from jobs.engine.driver.progress import Reporter
from jobs.engine.identity import Identity
from jobs.engine.interrupts import Interrupts
from jobs.engine.job import Job
from jobs.engine.ledger.commits import forget_failure, quarantined, write_failure
from jobs.engine.ledger.ledger import Ledger
from jobs.engine.reports import MergeReport, ShardFailure, ShardReport
from jobs.engine.settings import RunSettings
from jobs.engine.shards import ShardSpec
from jobs.engine.workers.dispatch import dispatched
from jobs.storage.storage import Storage


@dataclass(frozen=True)
class Working:
    """A driver that has an output, and what it works with.

    Attributes:
        job: What the workers do.
        storage: The output.
        identity: What determines the output.
        settings: Workers, attempts and limits.
        ledger: Records of the output; the driver has begun.
        reporter: Tells how far the driver is.
        signals: The first lets shards in hand end.
    """

    job: Job
    storage: Storage
    identity: Identity
    settings: RunSettings
    ledger: Ledger
    reporter: Reporter
    signals: Interrupts

    def results(
        self, left: Callable[[], tuple[Iterable[ShardSpec], int]]
    ) -> Generator[ShardReport | ShardFailure, None, None]:
        """Runs shards; yields what became of each, in the order in which they end.

        What was given up is in quarantine, and told, when it is yielded; what was there from
        earlier runs is gone from there when it is done.

        Args:
            left: The shards that are left and their number; asked when Ray is up, and again
                whenever it was lost and is back.

        Raises:
            LeaseLostError: Another driver has the output.
            JobError: The job does not start in any worker, or Ray was lost for good.
            Interrupted: SIGINT or SIGTERM.
        """
        storage, ledger = self.storage, self.ledger
        given_up_before = quarantined(storage)

        def beat(workers: int) -> None:
            ledger.check()
            self.reporter.tick(workers)

        packages = list(self.identity.packages)
        results = dispatched(self.job, storage, packages, self.settings, left, beat, self.signals)
        with contextlib.closing(results):
            for result in results:
                ledger.check()
                assert not isinstance(result, MergeReport)
                if isinstance(result, ShardFailure):
                    write_failure(storage, result)
                    self.reporter.given_up(result)
                yield result
                if isinstance(result, ShardReport) and result.shard in given_up_before:
                    forget_failure(storage, result.shard)
