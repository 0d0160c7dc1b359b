"""A round: samples by the networks as they are, a fit of each, and what that has brought."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from jobs.cascade.comparing import compare_on, landmark_error_on
from jobs.cascade.config import CascadeConfig
from jobs.cascade.held_out import HeldOut
from jobs.cascade.report import RoundReport
from jobs.fit.fitting import fit
from jobs.fit.summary import FitSummary
from jobs.kind.job_kind import Show
from jobs.kind.run import run_job
from jobs.samples.kind import SAMPLES
from jobs.storage.storage import Storage
from jobs.training.summary import read_summary
from mtcnn_core.samples.counting import as_many_faces, as_many_squares
from mtcnn_core.settings.samples import Stage
from mtcnn_core.weights.load import ARRAYS, load_weights, stored

# Photos that squares are counted on.
_COUNTED = 60
# Photos held out that faces are counted on; they are held in memory.
_COUNTED_AT_MOST = 300


@dataclass(frozen=True)
class Inputs:
    """What a cascade is trained on.

    Attributes:
        photos: Local path or fsspec URL of the photos.
        truth: Where their ground truth is.
        held_out: The photos that are not learned from.
        landmarks: Photos with landmarks that are not learned from; None if there are none.
    """

    photos: str
    truth: str
    held_out: HeldOut
    landmarks: HeldOut | None


class Rounds:
    """The rounds of a training, each in a folder of its own.

    Args:
        folder: The output.
        inputs: What it is trained on.
        config: All settings.
        show: Told of figures.
        tick: Called now and then; raises if the work is to stop.
    """

    def __init__(
        self,
        folder: Path,
        inputs: Inputs,
        config: CascadeConfig,
        show: Show,
        tick: Callable[[], None],
    ) -> None:
        self._folder, self._inputs, self._config = folder, inputs, config
        self._show, self._tick = show, tick

    def weights_after(self, number: int) -> str:
        """Weights as they are after a round: a name or a folder; round 0 is the beginning."""
        if not number:
            return self._config.detect.weights
        last = self._config.cascade.stages[-1]
        return str(self._place(number, f"fit-{last}" if last == "r" else f"fit-{last}-counted"))

    def fits(self, number: int) -> list[FitSummary]:
        """How the fits of a round have ended."""
        places = (self._place(number, f"fit-{stage}") for stage in self._config.cascade.stages)
        ended = (read_summary(Storage(str(place), {}), FitSummary) for place in places)
        return [each for each in ended if each is not None]

    def run(self, number: int) -> RoundReport:
        """Fits all networks once more, and compares the cascade with the one it began as.

        Raises:
            jobs.messages.errors.UserError: Something the user has to change.
            jobs.messages.errors.Interrupted: The same call goes on.
        """
        began = time.monotonic()
        weights = self.weights_after(number - 1)
        for stage in self._config.cascade.stages:
            weights = self._fitted(number, stage, weights)
        pair = load_weights(self._config.detect.weights), load_weights(weights)
        inputs, config = self._inputs, self._config
        told = compare_on(inputs.held_out, inputs.truth, config, pair, self._tick)
        error = None
        if inputs.landmarks is not None:
            error = landmark_error_on(inputs.landmarks, config.detect, pair)
        seconds = time.monotonic() - began
        return RoundReport(number, told.photos, told.compared, told.followed, error, seconds)

    def _fitted(self, number: int, stage: Stage, weights: str) -> str:
        """Makes samples and fits a network; returns the folder of the weights."""
        place = self._place(number, f"fit-{stage}")
        if read_summary(Storage(str(place), {}), FitSummary) is None:
            samples = self._samples(number, stage, weights)
            landmarks = self._landmark_samples(number, weights) if stage == "o" else None
            config = self._config.fit_of(stage, weights, landmarks, number == 1)
            fit(samples, str(place), config)
        # They take a hundred times the room of the photos, and are made again in a minute.
        for name in (f"samples-{stage}", "landmarks"):
            shutil.rmtree(self._place(number, name), ignore_errors=True)
        return str(place) if stage == "r" else self._counted(number, stage, str(place))

    def _counted(self, number: int, stage: Stage, weights: str) -> str:
        """Shifts P-Net or O-Net so that as much passes as at first; returns the folder."""
        place = self._place(number, f"fit-{stage}-counted")
        if not (place / ARRAYS).is_file():
            detect, held_out = self._config.detect, self._inputs.held_out
            pair = load_weights(detect.weights), load_weights(weights)
            if stage == "p":
                shifted = as_many_squares(held_out.others(_COUNTED), detect, *pair)
            else:
                photos = [photo.pixels for photo in islice(held_out.photos(), _COUNTED_AT_MOST)]
                shifted = as_many_faces(photos, detect, *pair)
            Storage(str(place), {}).publish_bytes(stored(shifted), ARRAYS)
        return str(place)

    def _samples(self, number: int, stage: Stage, weights: str) -> str:
        config = self._config.samples_of(stage, weights, self._inputs.truth)
        output = str(self._place(number, f"samples-{stage}"))
        run_job(SAMPLES, self._inputs.photos, output, config, self._show)
        return output

    def _landmark_samples(self, number: int, weights: str) -> str | None:
        said = self._config.cascade
        if said.landmarks is None:
            return None
        config = self._config.samples_of("o", weights, said.landmarks)
        output = str(self._place(number, "landmarks"))
        run_job(SAMPLES, landmark_photos(self._config), output, config, self._show)
        return output

    def _place(self, number: int, name: str) -> Path:
        return self._folder / f"round-{number}" / name


def landmark_photos(config: CascadeConfig) -> str:
    """Where the photos with landmarks are."""
    said = config.cascade
    return said.landmark_photos or str(Path(said.landmarks or "").parent)
