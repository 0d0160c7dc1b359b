"""What runs in a worker process: shard after shard, from the stored plan to the commit record."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import resource
import socket
import time
import traceback
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa

from jobs.engine.commit import write_commit
from jobs.engine.errors import JobError, OutputError
from jobs.engine.identity import package_versions
from jobs.engine.job import Job
from jobs.engine.members import Member
from jobs.engine.parts import PartWriter
from jobs.engine.plan import PlanReader
from jobs.engine.shards import PartReport, ShardFailure, ShardReport, ShardSpec
from jobs.engine.storage import Storage

ATTEMPTS = "_job/attempts"


class Worker:
    """One worker process; knows nothing of Ray.

    Args:
        output: Local path or fsspec URL.
        options: Keyword arguments of the fsspec file system.
        packages: Packages whose versions go into the commit records.
    """

    def __init__(self, output: str, options: Mapping[str, Any], packages: Sequence[str]) -> None:
        """Loads nothing yet, so that a job that fails to start is no lost worker."""
        # Parallelism is one process a CPU; numeric libraries read this when they are loaded.
        os.environ["OMP_NUM_THREADS"] = "1"
        self._storage = Storage(output, options)
        self._plan = PlanReader(self._storage)
        self._packages = package_versions(packages)

    def start(self, pickled_job: bytes) -> None:
        """Loads the job."""
        self._job: Job = pickle.loads(pickled_job)
        self._processor = self._job.start()

    def run(self, spec: ShardSpec) -> ShardReport | ShardFailure:
        """Processes and commits one shard.

        Returns:
            The commit record, or why the job's code failed.

        Raises:
            OutputError: The output could not be written.
        """
        attempt = _Attempt(spec, self._storage)
        started = datetime.now(timezone.utc)
        clock, cpu = time.monotonic(), time.process_time()
        try:
            attempt.expect(self._plan.members(spec))
            with self._storage.writing():
                parts, statuses = self._write_parts(attempt)
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
            write_commit(self._storage, report)
            attempt.forget()
        except JobError as error:
            return attempt.failure(error)
        return report

    def _write_parts(self, attempt: _Attempt) -> tuple[dict[str, PartReport], Counter[str]]:
        job, shard = self._job, attempt.spec.shard
        statuses: Counter[str] = Counter()
        with contextlib.ExitStack() as stack:
            writers = {
                name: stack.enter_context(
                    PartWriter(
                        self._storage,
                        f"{name}/part-{shard}.parquet",
                        schema,
                        job.row_group_bytes,
                        job.writer_options(name),
                    )
                )
                for name, schema in job.schemas.items()
            }
            rows = self._process(attempt)
            stack.callback(rows.close)
            for name, batch in rows:
                if name not in writers:
                    raise JobError(f"rows for '{name}', which is no output of the job")
                writers[name].write(batch)
                if name == job.primary:
                    attempt.done(batch.column("key").to_pylist())
                    statuses.update(batch.column("status").to_pylist())
            attempt.check_complete(job.primary)
            return {name: writer.publish() for name, writer in writers.items()}, statuses

    def _process(self, attempt: _Attempt) -> Generator[tuple[str, pa.RecordBatch], None, None]:
        spec = attempt.spec
        try:
            yield from self._processor.process(
                attempt.members, attempt.begin, spec.verdicts, spec.careful
            )
        except OutputError:
            raise
        except Exception as error:
            raise JobError(f"{type(error).__name__}: {error}") from error


class _Attempt:
    """An attempt at a shard: which item is in hand, on storage too if the shard is careful.

    Attributes:
        members: Of the shard.
        verdicts: Key -> status of the items done that were not touched.
    """

    def __init__(self, spec: ShardSpec, storage: Storage) -> None:
        self.spec = spec
        self.members: list[Member] = []
        self.verdicts: dict[str, str] = {}
        self._storage = storage
        self._in_hand: tuple[int, str] | None = None
        self._done = 0
        self._keys: list[str] | None = None

    def expect(self, members: list[Member]) -> None:
        """Takes note of the members; which rows are due is known where none is a container."""
        self.members = members
        if not any(member.is_container for member in members):
            self._keys = [member.key for member in members]

    def begin(self, index: int, key: str) -> None:
        """Notes that an item is about to be touched."""
        self._in_hand = index, key
        if not self.spec.careful:
            return
        marker = {"attempt": self.spec.attempt, "member": index, "key": key}
        self._storage.publish_bytes(json.dumps(marker).encode(), _marker(self.spec.shard))

    def done(self, keys: list[str]) -> None:
        """Notes the rows of some more items.

        Raises:
            JobError: Others are due.
        """
        for key in keys:
            due = key if self._keys is None else self._due()
            if key != due:
                raise JobError(f"row for '{key}' where the row for '{due}' is due")
            if self._done in self.spec.verdicts:
                self.verdicts[key] = self.spec.verdicts[self._done]
            self._done += 1

    def check_complete(self, primary: str) -> None:
        """Raises a `JobError` if rows of the primary output are missing."""
        if due := self._due():
            raise JobError(f"no row in '{primary}' for '{due}'")
        if self.spec.members is not None and self._done != self.spec.members:
            raise JobError(f"{self._done} rows in '{primary}' for {self.spec.members} items")

    def _due(self) -> str | None:
        keys = self._keys or []
        return keys[self._done] if self._done < len(keys) else None

    def forget(self) -> None:
        """Removes the mark."""
        if self.spec.careful:
            self._storage.delete(_marker(self.spec.shard))

    def failure(self, error: JobError) -> ShardFailure:
        """What to record of an exception."""
        index, key = self._in_hand or (None, None)
        return ShardFailure(
            shard=self.spec.shard,
            reason=str(error).partition("\n")[0],
            attempts=self.spec.attempt,
            member=index,
            key=key,
            traceback="".join(traceback.format_exception(error)),
        )


def in_hand(storage: Storage, spec: ShardSpec) -> tuple[int, str] | None:
    """Index and key of what a careful attempt had in hand when its process died, if it noted it."""
    if not spec.careful or not storage.exists(_marker(spec.shard)):
        return None
    marker = json.loads(storage.read_bytes(_marker(spec.shard)))
    return (marker["member"], marker["key"]) if marker["attempt"] == spec.attempt else None


def resident_bytes() -> int:
    """Resident memory of this process; where that is not known, the most it ever was."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _marker(shard: str) -> str:
    return f"{ATTEMPTS}/{shard}.json"
