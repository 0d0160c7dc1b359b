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
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from jobs.engine.commit import write_commit
from jobs.engine.errors import JobError, OutputError
from jobs.engine.identity import package_versions
from jobs.engine.job import Job
from jobs.engine.parts import PartWriter
from jobs.engine.plan import Member, PlanReader
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
        clock = time.monotonic()
        try:
            attempt.members = self._plan.members(spec)
            with self._storage.writing():
                parts, statuses = self._write_parts(attempt)
            report = ShardReport(
                shard=spec.shard,
                primary=self._job.primary,
                members=spec.members,
                bytes=spec.bytes,
                statuses=dict(sorted(statuses.items())),
                failed=sum(statuses[status] for status in self._job.failed_statuses),
                parts=parts,
                attempts=spec.attempt,
                verdicts={attempt.members[i].key: v for i, v in sorted(spec.verdicts.items())},
                packages=self._packages,
                started=started.isoformat(timespec="seconds"),
                seconds=round(time.monotonic() - clock, 3),
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
        keys = iter([member.key for member in attempt.members])
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
                    _check_keys(batch, keys)
                    statuses.update(batch.column("status").to_pylist())
            if (missing := next(keys, None)) is not None:
                raise JobError(f"no row in '{job.primary}' for '{missing}'")
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
    """An attempt at a shard: which member is in hand, on storage too if the shard is careful."""

    def __init__(self, spec: ShardSpec, storage: Storage) -> None:
        self.spec = spec
        self.members: list[Member] = []
        self._storage = storage
        self._in_hand: int | None = None

    def begin(self, index: int) -> None:
        """Notes that a member is about to be touched."""
        self._in_hand = index
        if not self.spec.careful:
            return
        marker = json.dumps({"attempt": self.spec.attempt, "member": index}).encode()
        self._storage.publish_bytes(marker, _marker(self.spec.shard))

    def forget(self) -> None:
        """Removes the mark."""
        if self.spec.careful:
            self._storage.delete(_marker(self.spec.shard))

    def failure(self, error: JobError) -> ShardFailure:
        """What to record of an exception."""
        known = self._in_hand is not None and self._in_hand < len(self.members)
        return ShardFailure(
            shard=self.spec.shard,
            reason=str(error).partition("\n")[0],
            attempts=self.spec.attempt,
            member=self._in_hand,
            key=self.members[cast(int, self._in_hand)].key if known else None,
            traceback="".join(traceback.format_exception(error)),
        )


def member_in_hand(storage: Storage, spec: ShardSpec) -> int | None:
    """The member a careful attempt had in hand when its process died, if it noted one."""
    if not spec.careful or not storage.exists(_marker(spec.shard)):
        return None
    marker = json.loads(storage.read_bytes(_marker(spec.shard)))
    return int(marker["member"]) if marker["attempt"] == spec.attempt else None


def resident_bytes() -> int:
    """Resident memory of this process; where that is not known, the most it ever was."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _marker(shard: str) -> str:
    return f"{ATTEMPTS}/{shard}.json"


def _check_keys(batch: pa.RecordBatch, keys: Iterator[str]) -> None:
    for row in batch.column("key").to_pylist():
        if row != (key := next(keys, None)):
            raise JobError(f"row for '{row}' where the row for '{key}' is due")
