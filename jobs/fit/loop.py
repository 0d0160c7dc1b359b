"""A fitting from its last checkpoint to its last step."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from jobs.fit.beginning import Beginning
from jobs.fit.config import FitConfig
from jobs.fit.log import LogRow, lines_of, records_of, rows_of
from jobs.messages.errors import UserError
from jobs.photos.sample import evenly
from jobs.storage.storage import Storage
from jobs.training import curve, log
from jobs.training.checkpoints import Checkpoints
from jobs.training.log import as_csv
from jobs.training.progress import TrainingProgress
from jobs.training.threads import use_threads
from mtcnn_core.fitting.calibration import calibrated
from mtcnn_core.fitting.fitter import Fitter, Losses
from mtcnn_core.fitting.trial import Trial, judge
from mtcnn_core.samples.samples import Samples
from mtcnn_core.settings.fitting import FittingSettings
from mtcnn_core.settings.samples import Stage
from mtcnn_core.weights.arrays import Arrays

# Held-out samples that are tried, at most.
_TRIED = 20_000
# How many crops the next network sees depends on all thresholds that people set for R-Net. After
# O-Net nothing is left to be paid, and more faces found at low scores are wanted. Of P-Net samples
# cannot tell: there are far fewer easy negatives among them than in photos.
_CALIBRATED: Mapping[Stage, tuple[float, ...]] = {"p": (), "r": (0.3, 0.7), "o": (0.7,)}
# Blocks of samples that scores are calibrated by, at most.
_BLOCKS = 8


class FittingLoop:
    """A network as it learns from the first sample to the last.

    Args:
        storage: The output.
        beginning: What it begins with.
        settings: How it learns, with the number of steps.
        config: All settings.
        progress: Told of each stretch.
        check: Called before anything is written; raises if it must not be.
    """

    def __init__(
        self,
        storage: Storage,
        beginning: Beginning,
        settings: FittingSettings,
        config: FitConfig,
        progress: TrainingProgress,
        check: Callable[[], None],
    ) -> None:
        use_threads(config.run.threads)
        self._storage, self._settings, self._run = storage, settings, config.run
        self._stage, self._beginning = beginning.stage, beginning
        self._progress, self._check = progress, check
        self._checkpoints = Checkpoints(storage, config.run.checkpoints)
        self._fitter = Fitter(beginning.network, settings, beginning.arrays, config.run.device)
        self._batches = replace(beginning, settings=settings).batches(config.run.pool_bytes)
        self._held_out = held_out(beginning)
        self._rows: list[LogRow] = []
        self._step = self._crops = 0
        self._seconds = 0.0
        self.first = self._trial()

    @property
    def step(self) -> int:
        """Steps so far."""
        return self._step

    @property
    def rows(self) -> Sequence[LogRow]:
        """The log."""
        return self._rows

    def arrays(self) -> Arrays:
        """The weights as the cascade takes them, calibrated."""
        scores = self._settings.calibration
        if scores is None:
            scores = _CALIBRATED[self._stage]
        shown = shown_samples(self._beginning)
        after = self._fitter.ask(shown).logits.numpy()
        return calibrated(self._fitter.arrays(), shown.scores, after, scores)

    def resume(self) -> None:
        """Goes on from the last checkpoint, if there is one.

        Raises:
            UserError: It is damaged.
        """
        state = self._checkpoints.latest()
        if state is None:
            return
        self._step, self._crops, self._seconds = state["step"], state["crops"], state["seconds"]
        self._rows = rows_of(state["rows"])
        self._fitter.load_state_dict(state["fitter"])
        self._batches.load_state_dict(state["batches"])

    def run(self, stop: Callable[[], bool]) -> None:
        """Learns until the last step, or until it is to stop; both end with a checkpoint.

        Raises:
            UserError: There are not enough samples, or the loss is not a number any more.
        """
        losses: list[Losses] = []
        crops_before, began = self._crops, time.monotonic()
        while self._step < self._settings.steps:
            samples, points = self._batches.next()
            try:
                losses.append(self._fitter.step(samples, points, self._step))
            except FloatingPointError as error:
                raise UserError(f"{error}: lower fit.learning_rate") from error
            self._step += 1
            self._crops += len(samples) + (0 if points is None else len(points))
            is_last = self._step >= self._settings.steps or stop()
            if not (is_last or self._is_told()):
                continue
            seconds = time.monotonic() - began
            self._seconds += seconds
            row = self._row(losses)
            trial = ""
            if self._is_due("try_every") or self._step >= self._settings.steps:
                row = replace(row, **asdict(self._trial()))
                trial = _told(row)
            self._rows.append(row)
            if is_last or self._is_due("checkpoint_every"):
                self._save()
            rate = (self._crops - crops_before) / max(seconds, 1e-9)
            self._progress.show(row, rate, trial)
            if is_last:
                return
            losses, crops_before, began = [], self._crops, time.monotonic()

    def _row(self, losses: Sequence[Losses]) -> LogRow:
        said = self._settings
        parts = [
            _mean([getattr(each, name) for each in losses])
            for name in ("classification", "boxes", "landmarks")
        ]
        weights = (said.classification_weight, said.box_weight, said.landmark_weight)
        loss = sum(
            weight * part for weight, part in zip(weights, parts, strict=True) if part is not None
        )
        epoch, rate = self._batches.epoch, self._fitter.learning_rate
        return LogRow(self._step, epoch, self._seconds, self._crops, loss, rate, *parts)

    def _trial(self) -> Trial:
        if not len(self._held_out):
            return Trial()
        return judge(self._held_out, self._fitter.ask(self._held_out))

    def _is_told(self) -> bool:
        return any(map(self._is_due, ("log_every", "checkpoint_every", "try_every")))

    def _is_due(self, name: str) -> bool:
        every: int = getattr(self._run, name)
        return self._step % every == 0

    def _save(self) -> None:
        state: dict[str, Any] = {
            "step": self._step,
            "crops": self._crops,
            "seconds": self._seconds,
            "rows": records_of(self._rows),
            "fitter": self._fitter.state_dict(),
            "batches": self._batches.state_dict(),
        }
        self._check()
        self._checkpoints.save(self._step, state)
        self._storage.publish_bytes(as_csv(self._rows), log.NAME)
        title = f"{self._stage.upper()}-Net"
        self._storage.publish_bytes(curve.draw_curve(lines_of(self._rows), title), curve.NAME)


def shown_samples(beginning: Beginning) -> Samples:
    """Samples that the cascade has shown the network, of blocks all over the output."""
    blocks = evenly(beginning.samples.blocks, _BLOCKS)
    samples = beginning.samples.read(blocks)
    shown = samples[~np.isnan(samples.scores)]
    return shown[:: max(1, len(shown) // _TRIED)]


def held_out(beginning: Beginning) -> Samples:
    """Samples of photos that are not learned from, evenly taken if there are many."""
    parts = [
        blocks.read(blocks.blocks, held_out=True)
        for blocks in (beginning.samples, beginning.landmarks)
        if blocks is not None
    ]
    joined = Samples.joined(parts)
    every = math.ceil(len(joined) / _TRIED) if len(joined) else 1
    return joined[::every]


def _mean(values: Sequence[float]) -> float | None:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else None


def _told(row: LogRow) -> str:
    named = (
        ("recall", row.recall),
        ("overlap", row.box_iou),
        ("landmark error", row.landmark_error),
    )
    return ", ".join(f"{name} {value:.4f}" for name, value in named if value is not None)
