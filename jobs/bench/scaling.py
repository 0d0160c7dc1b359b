"""The whole job on Ray against a plain loop in one process: the price of distribution."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.bench.bar import track
from jobs.engine.ledger.commits import COMMITS, committed, read_commits
from jobs.extract.config import Config
from jobs.extract.kind import EXTRACT
from jobs.kind.run import run_job
from jobs.members import Member
from jobs.messages.errors import JobError, UserError
from jobs.photos.sample import Pick, pixels
from jobs.sources.source import Source
from jobs.storage.storage import Storage
from jobs.storage.temporary import temporary_directory
from mtcnn_core.detectors import make_detector


@dataclass(frozen=True)
class Scale:
    """One run of the job, and the loop, of which half was timed before it and half after.

    Attributes:
        workers: Worker processes.
        photos: Photos that could be decoded.
        shards: Shards the job was cut into; workers without one have nothing to do.
        called: When the job was called; this and the next three are Unix times.
        begun: When the first shard was begun.
        committed: When the last shard was committed.
        returned: When the call returned; Ray's start and end lie between the two.
        shard_seconds: Time spent on shards, all workers together.
        shard_cpu_seconds: Processor time spent on them.
        loop_seconds: `Detector.detect` on the same photos, already decoded, one after the
            other in one process.
    """

    workers: int
    photos: int
    shards: int
    called: float
    begun: float
    committed: float
    returned: float
    shard_seconds: float
    shard_cpu_seconds: float
    loop_seconds: float

    @property
    def seconds(self) -> float:
        """The job, from its call to its return."""
        return self.returned - self.called

    @property
    def start_seconds(self) -> float:
        """Seconds from the call to the begin of the first shard."""
        return self.begun - self.called

    @property
    def work_seconds(self) -> float:
        """Seconds from the begin of the first shard to the last commit."""
        return self.committed - self.begun

    @property
    def busy(self) -> float:
        """Part of that time in which workers had a shard, from 0 to 1."""
        return self.shard_seconds / (self.workers * self.work_seconds)

    @property
    def cpu(self) -> float:
        """Processor time over that time and as many cores as workers; 1 is cores never idle."""
        return self.shard_cpu_seconds / (self.workers * self.work_seconds)

    @property
    def loop_photos_per_s(self) -> float:
        """Photos a second of the loop."""
        return self.photos / self.loop_seconds

    @property
    def photos_per_s(self) -> float:
        """Photos a second of the job, start included."""
        return self.photos / self.seconds

    @property
    def working_photos_per_s(self) -> float:
        """Photos a second of the job once it works, start excluded."""
        return self.photos / self.work_seconds

    @property
    def ratio(self) -> float:
        """The job to as many loops as it has workers, start included; 1 is no price at all."""
        return self.photos_per_s / (self.workers * self.loop_photos_per_s)

    @property
    def working_ratio(self) -> float:
        """The job to as many loops as it has workers, start excluded."""
        return self.working_photos_per_s / (self.workers * self.loop_photos_per_s)

    def as_json(self) -> dict[str, Any]:
        """The run as JSON values."""
        return {
            "workers": self.workers,
            "photos": self.photos,
            "shards": self.shards,
            "seconds": round(self.seconds, 3),
            "start_seconds": round(self.start_seconds, 3),
            "work_seconds": round(self.work_seconds, 3),
            "loop_seconds": round(self.loop_seconds, 3),
            "busy": round(self.busy, 4),
            "cpu": round(self.cpu, 4),
            "photos_per_s": round(self.photos_per_s, 4),
            "working_photos_per_s": round(self.working_photos_per_s, 4),
            "loop_photos_per_s": round(self.loop_photos_per_s, 4),
            "ratio": round(self.ratio, 4),
            "working_ratio": round(self.working_ratio, 4),
        }


def worker_counts(text: str) -> list[int]:
    """Reads ``1,2,4``.

    Raises:
        UserError: It is something else.
    """
    counts = [int(part) if part.strip().isdecimal() else 0 for part in text.split(",")]
    if min(counts) < 1:
        raise UserError(f"--scaling takes numbers of workers such as 1,2,4, not '{text}'")
    return counts


def time_scale(
    url: str, source: Source, members: Sequence[Member], config: Config, workers: int
) -> Scale:
    """Times the loop over every other photo, the job, and the loop over the rest.

    So a machine that grows slower or faster meanwhile does so for both.

    Args:
        url: The photos, as given.
        source: The photos, opened.
        members: All of them.
        config: All settings; Ray runs on this machine, whatever they say.
        workers: Worker processes.

    Raises:
        UserError: Something the user has to change.
        JobError: The job gave shards up.
    """
    loop_seconds = _time_loop(source, members[::2], config)
    run = config.run.model_copy(update={"workers": workers, "ray_address": "local"})
    with temporary_directory("mtcnn-ray-bench-") as output:
        called = time.time()
        summary = run_job(EXTRACT, url, output, config.model_copy(update={"run": run}))
        returned = time.time()
        if not summary.status.complete:
            raise JobError(
                f"the job gave up {summary.status.shards_quarantined} shards: "
                "run extract on the same photos to see why"
            )
        # The records' own times are in whole seconds; those of their files are not.
        storage = Storage(output)
        reports = list(read_commits(storage, committed(storage)))
        ends = [Path(output, COMMITS, f"{each.shard}.json").stat().st_mtime for each in reports]
    loop_seconds += _time_loop(source, members[1::2], config)
    statuses = summary.status.statuses
    return Scale(
        workers=workers,
        photos=statuses.get("ok", 0) + statuses.get("no_face", 0),
        shards=len(reports),
        called=called,
        begun=min(end - each.seconds for end, each in zip(ends, reports, strict=True)),
        committed=max(ends),
        returned=returned,
        shard_seconds=sum(each.seconds for each in reports),
        shard_cpu_seconds=sum(each.cpu_seconds for each in reports),
        loop_seconds=loop_seconds,
    )


def _time_loop(source: Source, members: Sequence[Member], config: Config) -> float:
    detector = make_detector(config.detect)
    seconds, picks = 0.0, list(map(Pick, members))
    for image in pixels(source, track(picks, "the plain loop"), config.limits):
        began = time.perf_counter()
        detector.detect(image)
        seconds += time.perf_counter() - began
    return seconds
