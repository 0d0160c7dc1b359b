"""What runs in a worker process: shard after shard, from the stored plan to the commit record."""

from __future__ import annotations

import contextlib
import os
import pickle
import socket
import time
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import psutil
import pyarrow as pa

from jobs.engine.commit import is_committed, read_commits, write_commit
from jobs.engine.errors import JobError, OutputError
from jobs.engine.exchange.redo import Redo
from jobs.engine.files.room import check_room
from jobs.engine.files.storage import Storage
from jobs.engine.identity import package_versions
from jobs.engine.job import Job
from jobs.engine.parts.part_writer import PartWriter
from jobs.engine.plans.plan import PlanReader
from jobs.engine.shards import PartReport, ShardFailure, ShardReport, ShardSpec
from jobs.engine.workers.attempt import Alone, Attempt
from jobs.engine.workers.watchdog import Limits, State, Watchdog


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
        self._watchdog = Watchdog(self._storage, limits) if limits else None

    def start(self, pickled_job: bytes) -> None:
        """Loads the job."""
        if self._watchdog:
            self._watchdog.tell(State("reading"))
        self._job: Job = pickle.loads(pickled_job)
        self._processor = self._job.start()
        if self._watchdog:
            self._watchdog.tell(State())

    def run(self, spec: ShardSpec) -> ShardReport | ShardFailure:
        """Processes one shard and commits it; of one that is committed, the items to redo.

        Those are only staged: that their rows take the place of the old ones is the driver's work.
        An error of the job's own code is met a second time with care, to know the item it is about.

        Returns:
            The commit record, be it staged, or why the job's code failed.

        Raises:
            OutputError: The output could not be written.
            MemoryError: There was not enough memory.
        """
        check_room(self._storage, self._min_free_bytes)
        attempt = Attempt(spec, self._storage, self._watchdog)
        started = datetime.now(timezone.utc)
        clock, cpu = time.monotonic(), time.process_time()
        try:
            members = self._plan.members(spec)
            redo = Redo(self._storage, self._job, spec) if spec.redo else None
            if redo:
                attempt.expect(redo.members(members), redo.choice.wants)
            else:
                attempt.expect(members)
            with self._storage.writing():
                parts, statuses = self._write_parts(attempt, redo)
            report = ShardReport(
                shard=spec.shard,
                primary=self._job.primary,
                members=sum(statuses.values()),
                bytes=spec.bytes,
                statuses=dict(sorted(statuses.items())),
                failed=sum(statuses[status] for status in self._job.failed_statuses),
                parts=parts,
                attempts=spec.attempt,
                verdicts=attempt.verdicts,
                packages=self._packages,
                started=started.isoformat(timespec="seconds"),
                seconds=round(time.monotonic() - clock, 3),
                cpu_seconds=round(time.process_time() - cpu, 3),
                host=socket.gethostname(),
                worker_bytes=resident_bytes(),
            )
            if redo:
                staged = redo.staged(report)
                staged.write(self._storage)
                report = staged.report
            else:
                write_commit(self._storage, report)
            attempt.forget()
        except JobError as error:
            attempt.close()
            if not spec.careful:
                return self.run(replace(spec, careful=True))
            return attempt.failure(error)
        except _AlreadyCommittedError:
            [report] = read_commits(self._storage, [spec.shard])
        finally:
            attempt.close()
        return report

    def _write_parts(
        self, attempt: Attempt, redo: Redo | None
    ) -> tuple[dict[str, PartReport], Counter[str]]:
        job = self._job
        statuses: Counter[str] = Counter()
        parts = redo or _NewParts(self._storage, job, attempt.spec.shard)
        with parts, contextlib.closing(self._process(attempt)) as rows:
            for name, batch in rows:
                if name not in job.schemas:
                    raise JobError(f"rows for '{name}', which is no output of the job")
                parts.write(name, batch)
                if name == job.primary:
                    attempt.done(batch.column("key").to_pylist())
                    statuses.update(batch.column("status").to_pylist())
            attempt.check_complete(job.primary)
            attempt.pause()
            # A worker that was given up for lost must not undo what has been done since.
            if not redo and is_committed(self._storage, attempt.spec.shard):
                raise _AlreadyCommittedError
            return parts.publish(), statuses

    def _process(self, attempt: Attempt) -> Generator[tuple[str, pa.RecordBatch], None, None]:
        spec = attempt.spec
        try:
            self._try_suspect(attempt)
            yield from self._processor.process(
                attempt.members, attempt, spec.verdicts, spec.careful
            )
        except (OutputError, MemoryError):  # not the job's fault
            raise
        except Exception as error:
            raise JobError(f"{type(error).__name__}: {error}") from error

    def _try_suspect(self, attempt: Attempt) -> None:
        """Processes the item that was in hand at the last death alone, for nothing but that."""
        if attempt.suspect is None:
            return
        index, member = attempt.suspect
        for _ in self._processor.process([member], Alone(attempt, index), {}, True):
            pass
        attempt.clear_suspect()


class _AlreadyCommittedError(Exception):
    """Another worker has committed the shard."""


class _NewParts:
    """The parts of a shard that has none yet."""

    def __init__(self, storage: Storage, job: Job, shard: str) -> None:
        with contextlib.ExitStack() as stack:
            self._writers = {
                name: stack.enter_context(
                    PartWriter(
                        storage,
                        f"{name}/part-{shard}.parquet",
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

    def publish(self) -> dict[str, PartReport]:
        return {name: writer.publish() for name, writer in self._writers.items()}


def resident_bytes() -> int:
    """Resident memory of this process."""
    return int(psutil.Process().memory_info().rss)
