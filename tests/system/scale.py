"""What planning and driving cost: `python -m tests.system.scale plan|dispatch COUNT`."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import ray

from jobs.engine.files.storage import Storage
from jobs.engine.plans.members import Member
from jobs.engine.plans.plan import Plan
from jobs.engine.progress import Labels, Reporter
from jobs.engine.settings import RunSettings, ShardSizes
from jobs.engine.shards import ShardReport, ShardSpec
from jobs.engine.workers.actors import Actor
from jobs.engine.workers.cluster import connect
from jobs.engine.workers.pool import Pool
from jobs.engine.workers.worker import resident_bytes
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


class StandIn(Actor):
    """Answers at once, so that what is left is the driver."""

    def load(self, pickled_job: bytes) -> str:
        return str(ray.get_runtime_context().get_node_id())

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
        pool = Pool(ChecksumJob(), storage, [], cluster, settings, actor=StandIn)
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


if __name__ == "__main__":
    print(json.dumps({"plan": plan, "dispatch": dispatch}[sys.argv[1]](int(sys.argv[2]))))
