"""What the driver costs: `python -m tests.system.scale plan|dispatch|committed|compact COUNT`."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.engine.checks.commits import CommitsCheck
from jobs.engine.checks.stored_plan import Planned
from jobs.engine.driver import merging
from jobs.engine.driver.compact import compact
from jobs.engine.driver.progress import Reporter
from jobs.engine.driver.status import status, take_stock
from jobs.engine.driver.summary import after_change
from jobs.engine.driver.verify import verify
from jobs.engine.job import Labels
from jobs.engine.lease.lease import Lease
from jobs.engine.ledger.commits import commit_path
from jobs.engine.ledger.ledger import Ledger
from jobs.engine.plans.plan import Plan, PlanReader
from jobs.engine.records import sealed
from jobs.engine.reports import PartReport, ShardReport
from jobs.engine.settings import RunSettings, ShardSizes
from jobs.engine.shards import ShardSpec
from jobs.engine.workers.cluster import connect
from jobs.engine.workers.pool import Pool
from jobs.engine.workers.worker import Worker, resident_bytes
from jobs.members import Member
from jobs.storage.storage import Storage
from tests.jobs.engine.outputs import IDENTITY
from tests.jobs.engine.stand_in import ChecksumJob
from tests.system.memory import peak_mb

_MB = 2**20


def listing(count: int) -> Iterator[Member]:
    """Photos as a bucket lists them."""
    for number in range(count):
        key = f"2026/{number // 10_000:05d}/photo-{number:010d}.jpg"
        etag = f"{number * 2654435761 % 2**64:032x}"
        yield Member(key, f"s3://bucket/photos/{key}", 150_000 + number % 1000, etag, "2026")


def plan(count: int) -> dict[str, Any]:
    """Plans members, then lists them once more, all known."""
    before = resident_bytes()
    with tempfile.TemporaryDirectory() as folder:
        seconds = []
        for _ in range(2):
            began = time.monotonic()
            growth = Plan(Storage(folder)).extend(listing(count), ShardSizes())
            seconds.append(time.monotonic() - began)
        assert growth.members == growth.changed == 0
        shards = len(Plan(Storage(folder)))
    return {
        "members": count,
        "shards": shards,
        "members_per_s": round(count / seconds[0]),
        "again_per_s": round(count / seconds[1]),
        "start_mb": before // _MB,
        "peak_mb": peak_mb(),
    }


class StandIn(Worker):
    """Answers at once, so that what is left is the driver."""

    def __init__(self, *arguments: object) -> None:
        """Needs nothing, not even a watchdog."""

    def start(self, pickled_job: bytes) -> None:
        """Loads nothing."""

    def run(self, spec: ShardSpec) -> ShardReport:
        return ShardReport(
            shard=spec.shard,
            primary="files",
            members=spec.members or 0,
            bytes=spec.bytes,
            statuses={"ok": spec.members or 0},
            failed=0,
            parts={},
            attempts=1,
            verdicts={},
            packages={},
            started="",
            seconds=0.0,
            cpu_seconds=0.0,
            host="",
            worker_bytes=0,
        )


def dispatch(count: int) -> dict[str, Any]:
    """Hands shards of one member to stand-ins; costs and memory by tenths of them."""
    settings = RunSettings(workers=2)
    with tempfile.TemporaryDirectory() as folder, connect(settings) as cluster:
        storage = Storage(folder)
        Plan(storage).extend(listing(count), ShardSizes(first=1, max_members=1))
        shards = Plan(storage)
        pool = Pool(ChecksumJob(), storage, [], cluster, settings, worker=StandIn)
        reporter = Reporter(Labels(), line_every_s=10.0)
        reporter.begin(count, 0)
        done, times, memory = 0, [time.monotonic()], []
        for event in pool.run(shards.shards(), count):
            if isinstance(event, ShardReport):
                reporter.committed(event)
                done += 1
                if done % (count // 10) == 0:
                    times.append(time.monotonic())
                    memory.append(resident_bytes() // _MB)
            else:
                reporter.tick(2)
    rates = [count / 10 / (end - start) for start, end in pairwise(times)]
    return {
        "shards": count,
        "shards_per_s": round(count / (times[-1] - times[0])),
        "shards_per_s_by_tenth": [round(rate) for rate in rates],
        "driver_mb_by_tenth": memory,
    }


def committed_output(folder: str, count: int) -> Storage:
    """An output of so many shards of one item, each committed, as its workers leave it."""
    storage = Storage(folder)
    IDENTITY.write(storage)
    plan = Plan(storage)
    plan.extend(listing(count), ShardSizes(first=1, max_members=1))
    job = ChecksumJob()
    reader = PlanReader(storage)
    for spec in plan.shards():
        [member] = reader.members(spec)
        key = [member.key]
        tables = {
            "files": pa.table(
                {"key": key, "status": ["ok"], "crc": [1], "num_lines": [1]}, job.schemas["files"]
            ),
            "lines": pa.table({"key": key, "line": [b"line"]}, job.schemas["lines"]),
        }
        parts = {}
        for name, table in tables.items():
            sink = io.BytesIO()
            pq.write_table(table, sink, **job.writer_options(name))
            path, data = f"{name}/part-{spec.shard}.parquet", sink.getvalue()
            Path(folder, name).mkdir(exist_ok=True)
            Path(folder, path).write_bytes(data)
            digest = hashlib.sha256(data).hexdigest()
            parts[name] = PartReport(path, 1, len(data), digest)
        report = StandIn.run(cast(StandIn, None), spec)
        record = replace(report, parts=parts)
        data = sealed({**asdict(record), "rows": record.rows})
        Path(folder, "_job/commits").mkdir(exist_ok=True)
        Path(folder, commit_path(spec.shard)).write_bytes(data)
    return storage


def committed(count: int) -> dict[str, Any]:
    """Looks at an output of so many shards, and ends a run that has committed all of them."""
    with tempfile.TemporaryDirectory() as folder:
        storage = committed_output(folder, count)
        seconds = {"status_without_checkpoint_s": _timed(lambda: status(folder))}
        plan = Plan(storage)
        with Lease(storage) as lease:
            ledger = Ledger(storage, lease, ChecksumJob().schemas)
            ledger.begin()
            # As after a run that has stored them on its way, all but the last few.
            ledger._store()
            seconds["end_of_run_s"] = _timed(
                lambda: ledger.end(
                    lambda heads: after_change(storage, take_stock(storage, plan, heads))
                )
            )
        seconds["status_s"] = _timed(lambda: status(folder))
        command = [Path(sys.executable).with_name("mtcnn-ray"), "status", folder]
        seconds["status_command_s"] = _timed(
            lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        )
        records = CommitsCheck(storage, (), None, print)
        planned = (Planned(spec.shard, spec) for spec in plan.shards())
        seconds["verify_records_s"] = _timed(lambda: sum(1 for _ in records.run(planned)))
        problems: list[str] = []
        seconds["verify_s"] = _timed(lambda: problems.extend(verify(folder)))
        assert not problems, problems[:3]
        rates = {
            "verified_records_per_s": round(count / seconds["verify_records_s"]),
            "verified_shards_per_s": round(count / seconds["verify_s"]),
        }
    return {"shards": count, **{name: round(s, 2) for name, s in seconds.items()}, **rates}


def compact_with(count: int) -> dict[str, Any]:
    """Compacts an output of so many shards with one worker and with two, in turn."""
    found: dict[str, Any] = {"shards": count}
    with tempfile.TemporaryDirectory() as folder:
        committed_output(f"{folder}/out", count)
        for turn in range(2):
            for workers in (1, 2):
                shutil.copytree(f"{folder}/out", f"{folder}/copy")
                seconds = _compaction(f"{folder}/copy", workers)
                found[f"shards_per_s_{workers}_workers_{turn}"] = round(count / seconds)
                shutil.rmtree(f"{folder}/copy")
    return found


def _compaction(output: str, workers: int) -> float:
    """Seconds of a compaction, from the first merge that is handed out to the last in its place."""
    began: list[float] = []
    dispatched = merging.dispatched

    def watched(job: Any, storage: Any, packages: Any, settings: Any, work: Any, *more: Any) -> Any:
        def begin() -> Any:
            began.append(time.monotonic())
            return work()

        return dispatched(job, storage, packages, settings, begin, *more)

    merging.dispatched = watched
    merging._SMALL_BYTES = 0
    try:
        compact(output, 2**20, settings=RunSettings(workers=workers))
    finally:
        merging.dispatched = dispatched
    return time.monotonic() - began[0]


def _timed(call: Callable[[], object]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began


_COMMANDS = {"plan": plan, "dispatch": dispatch, "committed": committed, "compact": compact_with}

if __name__ == "__main__":
    print(json.dumps(_COMMANDS[sys.argv[1]](int(sys.argv[2]))))
