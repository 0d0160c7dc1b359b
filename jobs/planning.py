"""The command `plan`: what an extraction will read, in how many shards, and for how long."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass

from jobs.bench.sample import evenly, picks
from jobs.bench.stages import time_worker
from jobs.config import Config
from jobs.engine.preview import Preview, preview
from jobs.engine.workers.cluster import usable_cpus
from jobs.extract import LABELS, going_on, prepare
from jobs.messages.errors import UserError
from jobs.sources.overlap import check_apart

_TIMED_PHOTOS = 12


@dataclass(frozen=True)
class Forecast:
    """What is to be done, and how long that takes.

    Attributes:
        preview: What is to be done.
        workers: That will do it.
        seconds_per_photo: Of one worker, from some of the photos; None if none could be read.
        bytes_per_photo: From the same ones.
    """

    preview: Preview
    workers: int
    seconds_per_photo: float | None
    bytes_per_photo: float | None

    @property
    def photos(self) -> int | None:
        """Photos to be read; where only reading them tells, from the bytes."""
        if self.preview.items is not None or not self.bytes_per_photo:
            return self.preview.items
        return round(self.preview.bytes / self.bytes_per_photo)

    @property
    def hours(self) -> float | None:
        """Expected time, without the start of Ray."""
        if self.photos is None or self.seconds_per_photo is None:
            return None
        return self.photos * self.seconds_per_photo / self.workers / 3600


def forecast(source_url: str, output: str, config: Config, *, store: bool) -> Forecast:
    """Lists the input, plans what is new in it, and times a few photos.

    Args:
        source_url: As for `extract`.
        output: Folder of the dataset, local or an fsspec URL.
        config: All settings.
        store: Whether the plan is stored, for `extract` to follow; otherwise nothing is written.

    Raises:
        jobs.messages.errors.UserError: Something the user has to change.
        jobs.messages.errors.Interrupted: SIGINT or SIGTERM.
        mtcnn_core.weights.WeightsError: The weights or the detector's model are not there.
    """
    check_apart(source_url, output)
    job, _, identity = prepare(source_url, going_on(config, output))
    found = preview(
        job.source.list(),
        output,
        config.run,
        identity,
        store=store,
        labels=LABELS,
        options=config.output.storage_options,
    )
    workers = config.run.workers or usable_cpus()
    some = picks(evenly(found.examples, _TIMED_PHOTOS), _TIMED_PHOTOS)
    try:
        with tempfile.TemporaryDirectory(prefix="mtcnn-ray-plan-") as folder:
            times = time_worker(job, some, some[:1], folder)
    except UserError:  # none of them can be decoded, which is no reason not to plan
        return Forecast(found, workers, None, None)
    return Forecast(
        found,
        workers,
        times.seconds / len(times.photos),
        times.bytes / len(times.photos) if times.bytes else None,
    )
