"""The command `plan`: what a job will read, in how many shards, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from jobs.engine.driver.preview import Preview, preview
from jobs.engine.usable import default_workers
from jobs.kind.config import JobConfig
from jobs.kind.continuing import going_on
from jobs.kind.job_kind import JobKind
from jobs.kind.run import further_inputs, identity_of, names_of
from jobs.sources.overlap import check_apart

AnyConfig = TypeVar("AnyConfig", bound=JobConfig)


@dataclass(frozen=True)
class Forecast:
    """What is to be done, and how long that takes.

    Attributes:
        preview: What is to be done.
        workers: Workers that will do it.
        seconds_per_item: What one worker takes, from some items; None if none could be read.
        bytes_per_item: What an item has, from the same ones.
    """

    preview: Preview
    workers: int
    seconds_per_item: float | None
    bytes_per_item: float | None

    @property
    def items(self) -> int | None:
        """Items to be read; where only reading them tells, from the bytes."""
        if self.preview.items is not None or not self.bytes_per_item:
            return self.preview.items
        return round(self.preview.bytes / self.bytes_per_item)

    @property
    def hours(self) -> float | None:
        """Expected time, without the start of Ray."""
        if self.items is None or self.seconds_per_item is None:
            return None
        return self.items * self.seconds_per_item / self.workers / 3600


def forecast(
    kind: JobKind[AnyConfig], source_url: str, output: str, config: AnyConfig, *, store: bool
) -> Forecast:
    """Lists the input, plans what is new in it, and times a few items.

    Args:
        kind: The job.
        source_url: As for :func:`jobs.kind.run.run_job`.
        output: Folder of the dataset, local or an fsspec URL.
        config: All settings.
        store: Whether the plan is stored, for the job to follow; otherwise nothing is written.

    Raises:
        jobs.messages.errors.UserError: Something the user has to change.
        jobs.messages.errors.Interrupted: SIGINT or SIGTERM.
        mtcnn_core.weights.errors.WeightsError: The weights or the detector's model are not there.
    """
    for address in (source_url, *further_inputs(kind, config)):
        check_apart(address, output)
    going = going_on(kind, config, output)
    opened = kind.open(source_url, going)
    if opened.decide:
        opened.decide(lambda figures: None, store)
    found = preview(
        opened.list_members(),
        output,
        config.run,
        identity_of(kind, source_url, going, opened),
        store=store,
        inputs=names_of(source_url, config),
        labels=kind.labels,
        options=config.output.storage_options,
    )
    workers = config.run.workers or default_workers()
    times = kind.time(opened.job, found.examples)
    if times is None:
        return Forecast(found, workers, None, None)
    return Forecast(found, workers, times.seconds, times.bytes)
