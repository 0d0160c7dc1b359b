"""What runs in a worker process: shard after shard, from the stored plan to the commit record."""

from __future__ import annotations

import contextlib
import os
import pickle
import socket
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import psutil
import pyarrow as pa

from jobs.engine.blame.attempt import Attempt
from jobs.engine.blame.processing import processed
from jobs.engine.blame.watchdog import Limits, State, Watchdog
from jobs.engine.forgotten import Forgets, Forgotten
from jobs.engine.identity import package_versions
from jobs.engine.job import Job
from jobs.engine.lease.log import Log
from jobs.engine.ledger.commits import create_commit, is_committed, read_commits
from jobs.engine.ledger.heads import Heads
from jobs.engine.parts.merge import merge_parts
from jobs.engine.parts.names import part_names
from jobs.engine.parts.part_writer import PartWriter
from jobs.engine.parts.row_names import naming_columns, row_names
from jobs.engine.plans.plan import PlanReader
from jobs.engine.reports import Merged, MergeReport, PartReport, ShardFailure, ShardReport
from jobs.engine.shards import Merge, ShardSpec
from jobs.engine.usable import usable_memory, worker_memory
from jobs.engine.workers.retried import RetriedParts
from jobs.messages.errors import JobError, OutputError
from jobs.storage.room import check_room
from jobs.storage.storage import Storage


class Worker:
    """One worker process; knows nothing of Ray.

    Args:
        output: Local path or fsspec URL.
        options: Keyword arguments of the fsspec file system.
        packages: Packages whose versions go into the commit records.
        limits: What it may take before a watchdog ends it; None is no watchdog.
        min_free_bytes: Room there has to be before a shard is begun.
    """

    def __init__(
        self,
        output: str,
        options: Mapping[str, Any],
        packages: Sequence[str],
        limits: Limits | None = None,
        min_free_bytes: int = 0,
    ) -> None:
        """Loads nothing yet, so that a job that fails to start is no lost worker."""
        # Parallelism is one process a CPU; numeric libraries read this when they are loaded.
        os.environ["OMP_NUM_THREADS"] = "1"
        self._storage = Storage(output, options)
        self._min_free_bytes = min_free_bytes
        self._plan = PlanReader(self._storage)
        self._packages = package_versions(packages)
        memory = worker_memory(usable_memory())
        self._watchdog = Watchdog(self._storage, limits.within(memory)) if limits else None

    def start(self, pickled_job: bytes) -> None:
        """Loads the job, and what was forgotten; None is enough to merge."""
        if self._watchdog:
            self._watchdog.tell(State("reading"))
        self._job: Job = pickle.loads(pickled_job)
        if self._job is not None:
            self._processor = self._job.start()
            self._forgotten = Forgotten.read(self._storage)
            if isinstance(self._processor, Forgets):
                self._processor.forget(self._forgotten)
        if self._watchdog:
            self._watchdog.tell(State())

    def run(self, spec: ShardSpec) -> ShardReport | ShardFailure | MergeReport:
        """Does what a shard is handed out for.

        A shard that is not committed is processed and committed. Of one that is, some items are
        processed again, or its parts merged with its neighbours': that what was written takes the
        place of the old is the driver's work. An error of the job's own code is met a second time
        with care, to know the item it is about.

        Returns:
            What is recorded or to be recorded of it, or why the job's code failed.

        Raises:
            OutputError: The output could not be written.
            MemoryError: There was not enough memory.
        """
        check_room(self._storage, self._min_free_bytes)
        if spec.merge:
            return self._merge(spec, spec.merge)
        attempt = Attempt(spec, self._storage, self._watchdog)
        try:
            report = self._attempt(attempt)
            attempt.forget()
            return report
        except JobError as error:
            attempt.close()
            if not spec.careful:
                return self.run(replace(spec, careful=True))
            return attempt.failure(error)
        except _AlreadyCommittedError:
            return self._committed(spec.shard)
        finally:
            attempt.close()

    def _merge(self, spec: ShardSpec, merge: Merge) -> MergeReport:
        merged: list[Merged] = []
        try:
            for each in merge_parts(self._storage, merge, spec.epoch):
                merged.append(each)
        finally:
            self._withdraw_if_late(spec.epoch, {each.path for each in merged})
        return MergeReport(spec.shard, len(merge.shards), merged, resident_bytes())

    def _attempt(self, attempt: Attempt) -> ShardReport:
        """Writes the parts of a shard, and commits them unless that is the driver's work."""
        spec, published = attempt.spec, dict[str, PartReport]()
        is_mine = False
        try:
            report = self._written(attempt, published)
            is_mine = not spec.retry and create_commit(self._storage, report)
        finally:  # also of a failure, after some were published
            paths = {part.path for part in published.values()}
            if spec.retry:
                self._withdraw_if_late(spec.epoch, paths)
            elif paths and not is_mine:
                self._withdraw_if_committed(spec.shard, paths)
        return report if is_mine or spec.retry else self._committed(spec.shard)

    def _written(self, attempt: Attempt, published: dict[str, PartReport]) -> ShardReport:
        spec = attempt.spec
        started = datetime.now(timezone.utc)
        clock, cpu = time.monotonic(), time.process_time()
        members = self._plan.members(spec)
        parts: _NewParts | RetriedParts
        with self._storage.writing():
            if spec.retry and not spec.retry.whole:
                before = spec.retry.before
                old = self._plan.group(*before) if before else members
                parts = RetriedParts(self._storage, self._job, spec, spec.retry, old, members)
                attempt.expect(parts.members, parts.choice.wants, self._knows())
            else:
                parts = _NewParts(self._storage, self._job, spec)
                attempt.expect(members, is_forgotten=self._knows())
            statuses = self._write_parts(attempt, parts, published)
        report = ShardReport(
            shard=spec.shard,
            primary=self._job.primary,
            members=sum(statuses.values()),
            bytes=spec.bytes,
            statuses=dict(sorted(statuses.items())),
            failed=sum(statuses[status] for status in self._job.failed_statuses),
            parts=published,
            attempts=spec.attempt,
            verdicts=attempt.verdicts,
            packages=self._packages,
            started=started.isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - clock, 3),
            cpu_seconds=round(time.process_time() - cpu, 3),
            host=socket.gethostname(),
            worker_bytes=resident_bytes(),
            epoch=spec.epoch,
            revision=spec.revision,
            forgotten=attempt.forgotten,
        )
        return parts.whole(report)

    def _knows(self) -> Callable[[str], bool] | None:
        """Tells which items were forgotten, if any were."""
        if not self._forgotten:
            return None
        of_faces = len(naming_columns(self._job.schemas[self._job.primary])) > 1
        return lambda name: self._forgotten.has_item(name, of_faces)

    def _committed(self, shard: str) -> ShardReport:
        [report] = read_commits(self._storage, [shard])
        return report

    def _withdraw_if_committed(self, shard: str, paths: set[str]) -> None:
        """Removes parts of a shard that another worker has committed, if they are not its own.

        What that one wrote may have given way to other parts since.
        """
        heads = Heads.read(self._storage)
        for head in heads.of([shard] if heads.has(shard) else []):
            self._storage.delete(*paths - {part.path for part in head.parts.values()})

    def _withdraw_if_late(self, epoch: int, paths: set[str]) -> None:
        """Removes parts for a driver that has ended meanwhile, if they do not count.

        As long as it is at work, it does so itself.
        """
        log = Log(self._storage)
        last = log.read(log.last())
        if last.epoch != epoch or last.kind == "end":  # it can log nothing any more
            self._storage.delete(*paths.difference(Heads.read(self._storage).paths().to_pylist()))

    def _write_parts(
        self,
        attempt: Attempt,
        parts: _NewParts | RetriedParts,
        published: dict[str, PartReport],
    ) -> Counter[str]:
        job = self._job
        names = naming_columns(job.schemas[job.primary])
        statuses: Counter[str] = Counter()
        with parts, contextlib.closing(self._process(attempt)) as rows:
            for name, batch in rows:
                if name not in job.schemas:
                    raise JobError(f"rows for '{name}', which is no output of the job")
                parts.write(name, batch)
                if name == job.primary:
                    attempt.done(row_names(batch, names))
                    statuses.update(batch.column("status").to_pylist())
            attempt.check_complete(job.primary)
            attempt.pause()
            # Storage refuses a second commit; this spares the work.
            if not attempt.spec.retry and is_committed(self._storage, attempt.spec.shard):
                raise _AlreadyCommittedError
            if Forgotten.read(self._storage) != self._forgotten:  # by a driver after its own
                raise OutputError(
                    f"something was forgotten in '{self._storage.url}' since this worker began: "
                    "run the same command again"
                )
            for name, part in parts.publish():
                published[name] = part
        return statuses

    def _process(self, attempt: Attempt) -> Generator[tuple[str, pa.RecordBatch], None, None]:
        try:
            yield from processed(self._processor, attempt)
        except (OutputError, MemoryError, JobError):  # no exception of the job
            raise
        except Exception as error:
            raise JobError(f"{type(error).__name__}: {error}") from error


class _AlreadyCommittedError(Exception):
    """Another worker has committed the shard."""


class _NewParts:
    """The parts of a shard that has none yet, or of one of which all is processed again."""

    def __init__(self, storage: Storage, job: Job, spec: ShardSpec) -> None:
        self._retry = spec.retry
        epoch = spec.epoch if spec.retry else 0
        with contextlib.ExitStack() as stack:
            self._writers = {
                name: stack.enter_context(
                    PartWriter(
                        storage,
                        part_names(name, spec.shard, epoch),
                        schema,
                        job.row_group_bytes,
                        job.writer_options(name),
                    )
                )
                for name, schema in job.schemas.items()
            }
            self._opened = stack.pop_all()

    def __enter__(self) -> _NewParts:
        return self

    def __exit__(self, *failure: object) -> None:
        self._opened.close()

    def write(self, output: str, batch: pa.RecordBatch) -> None:
        self._writers[output].write(batch)

    def publish(self) -> Iterator[tuple[str, PartReport]]:
        for name, writer in self._writers.items():
            stale_in = self._retry.stale_in(name) if self._retry else None
            yield name, replace(writer.publish(), stale_in=stale_in)

    def whole(self, report: ShardReport) -> ShardReport:
        """What is to be recorded of the shard."""
        return replace(report, retried=report.members) if self._retry else report


def resident_bytes() -> int:
    """Resident memory of this process."""
    return int(psutil.Process().memory_info().rss)
