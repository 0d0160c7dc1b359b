"""A benchmark from top to bottom: the stages, the others, the whole job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobs.bench.bar import track
from jobs.bench.duel import Duel, duel
from jobs.bench.machine import machine
from jobs.bench.rivals import find_rival, load_rival
from jobs.bench.scaling import Scale, time_scale
from jobs.bench.stages import stages_json
from jobs.engine.identity import package_versions
from jobs.engine.interrupts import interrupts
from jobs.extract.config import Config
from jobs.extract.job import ExtractJob
from jobs.extract.times import WorkerTimes, time_worker
from jobs.photos.sample import picks, pixels
from jobs.sources.source import open_source
from jobs.storage.temporary import temporary_directory
from mtcnn_core.detectors import make_detector

JSON_VERSION = 1


@dataclass(frozen=True)
class Benchmark:
    """All that was measured.

    Attributes:
        input: The photos, as given.
        listed: How many there are.
        machine: See `machine`.
        config: What determines the output, see `Config.identity`.
        worker: One worker, stage by stage.
        duels: One for each package compared with.
        scaling: One for each number of workers.
    """

    input: str
    listed: int
    machine: dict[str, Any]
    config: dict[str, Any]
    worker: WorkerTimes
    duels: Sequence[Duel]
    scaling: Sequence[Scale]

    def as_json(self) -> dict[str, Any]:
        """The benchmark as JSON values."""
        return {
            "version": JSON_VERSION,
            "machine": self.machine,
            "input": self.input,
            "listed": self.listed,
            "config": self.config,
            "worker": stages_json(self.worker),
            "against": [each.as_json() for each in self.duels],
            "scaling": [each.as_json() for each in self.scaling],
        }


def benchmark(
    url: str,
    config: Config,
    *,
    photos: int = 40,
    rivals: Sequence[str] = (),
    workers: Sequence[int] = (),
) -> Benchmark:
    """Measures on some photos; nothing is left behind.

    Args:
        url: Folder, glob or file, anywhere fsspec reaches, or ``demo:``.
        config: All settings.
        photos: How many to take, spread evenly over the listing; the whole job takes all.
        rivals: Packages to compare with.
        workers: Numbers of workers to run the whole job with.

    Raises:
        jobs.messages.errors.UserError: Something the user has to change.
        jobs.messages.errors.JobError: The whole job failed.
        jobs.messages.errors.Interrupted: SIGINT or SIGTERM.
        mtcnn_core.weights.errors.WeightsError: The weights or the detector's model are not there.
    """
    with interrupts():
        others = {name: load_rival(name, config.detect) for name in rivals}  # or fail, at once
        source = open_source(url, config.input)
        members = list(source.list())
        sample = picks(members, photos)
        detector = make_detector(config.detect)
        job = ExtractJob(source, config, dict(detector.digests))
        with temporary_directory("mtcnn-ray-bench-") as folder:
            worker = time_worker(job, track(sample, "one worker"), sample, folder)
        duels = [
            duel(
                name,
                package_versions(find_rival(name).packages),
                lambda image: len(detector.detect(image)),
                other,
                pixels(source, track(sample, f"against {name}"), config.limits),
            )
            for name, other in others.items()
        ]
        scaling = [time_scale(url, source, members, config, count) for count in workers]
    return Benchmark(url, len(members), machine(), config.identity(), worker, duels, scaling)
