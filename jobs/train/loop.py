"""A training from its last checkpoint to its last step, in one of the processes that learn."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from jobs.messages.errors import UserError
from jobs.storage.storage import Storage
from jobs.train.batches import Batches, feed_of
from jobs.train.config import EmbeddingTrainingConfig
from jobs.train.held_out import HeldOut
from jobs.train.log import LogRow, records_of, rows_of
from jobs.train.ranks import Ranks
from jobs.training import curve, log
from jobs.training.checkpoints import Checkpoints
from jobs.training.curve import Line
from jobs.training.log import as_csv
from jobs.training.progress import TrainingProgress
from jobs.training.threads import use_threads
from mtcnn_core.facenet.losses import build_loss
from mtcnn_core.facenet.networks import build_network, input_size
from mtcnn_core.training.learner import Learner

# Shows a row of the log, and crops a second.
Show = Callable[[LogRow, float], None]


@dataclass(frozen=True)
class Place:
    """From where to where; what a worker of Ray Train is told.

    Attributes:
        feed: Local path or fsspec URL of the feed.
        output: Local path or fsspec URL of the output.
        config: All settings.
    """

    feed: str
    output: str
    config: EmbeddingTrainingConfig

    @property
    def storage(self) -> Storage:
        """The output."""
        return Storage(self.output, self.config.output.storage_options)


class TrainingLoop:
    """One process of a training.

    Args:
        place: From where to where.
        ranks: Which process this is.
        show: Told of each stretch, in the process that writes.
        check: Called before anything is written; raises if it must not be.
    """

    def __init__(
        self,
        place: Place,
        ranks: Ranks = Ranks(),  # noqa: B008
        show: Show = lambda row, rate: None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        config = place.config
        use_threads(config.run.threads, ranks.world)
        torch.manual_seed(config.train.seed)
        self._config, self._ranks, self._show, self._check = config, ranks, show, check
        self._storage = place.storage
        self._checkpoints = Checkpoints(self._storage, config.run.checkpoints)
        settings = config.train
        size = settings.size or input_size(settings.network)
        feed = feed_of(place.feed, config, ranks)
        self._batches = Batches(feed, config.run.loaders)
        network = build_network(settings.network, size)
        loss = build_loss(settings.loss, settings.margin, feed.classes)
        device = config.run.device
        self._learner = Learner(network, loss, settings, device, ranks.shared)
        self._held_out = HeldOut(place.feed, config, size) if ranks.writes else None
        self._rows: list[LogRow] = []
        self._step = self._crops = 0
        self._seconds = 0.0

    @property
    def step(self) -> int:
        """Steps so far."""
        return self._step

    def resume(self) -> None:
        """Goes on from the last checkpoint, if there is one.

        Raises:
            UserError: It is damaged, or of another number of workers or loaders.
        """
        state = self._checkpoints.latest()
        if state is None:
            return
        if len(state["batches"]) != self._ranks.world:
            raise UserError(
                f"this training was begun by {len(state['batches'])} workers: "
                "go on with as many, or use another output"
            )
        self._step, self._crops, self._seconds = state["step"], state["crops"], state["seconds"]
        self._rows = rows_of(state["rows"])
        self._learner.load_state_dict(state["learner"])
        self._batches.load_state_dict(state["batches"][self._ranks.rank])

    def run(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Learns until the last step, or until it is to stop; both end with a checkpoint.

        Raises:
            UserError: The feed has not enough faces, or the loss is not a number any more.
        """
        if self._step >= self._config.train.steps:
            return
        losses: list[float] = []
        rate, crops_before, began = 0.0, self._crops, time.monotonic()
        for crops, class_ids in self._batches:
            try:
                done = self._learner.step(crops, class_ids, self._step)
            except FloatingPointError as error:
                raise UserError(f"{error}: lower train.learning_rate") from error
            losses.append(done.loss)
            rate = done.learning_rate
            self._step += 1
            self._crops += len(crops) * self._ranks.world
            is_last = self._step >= self._config.train.steps or any(self._ranks.gathered(stop()))
            if not (is_last or self._is_told()):
                continue
            seconds = time.monotonic() - began
            self._seconds += seconds
            mean = sum(losses) / len(losses)
            row = LogRow(self._step, self._batches.epoch, self._seconds, self._crops, mean, rate)
            if self._held_out and (self._is_trial() or self._step >= self._config.train.steps):
                row = replace(row, **vars(self._held_out.trial(self._learner.vectors)))
            self._rows.append(row)
            if is_last or self._is_due("checkpoint_every"):
                self._save()
            self._show(row, (self._crops - crops_before) / max(seconds, 1e-9))
            if is_last:
                return
            losses, crops_before, began = [], self._crops, time.monotonic()

    def _is_told(self) -> bool:
        return self._is_due("log_every") or self._is_due("checkpoint_every") or self._is_trial()

    def _is_due(self, name: str) -> bool:
        every: int = getattr(self._config.run, name)
        return self._step % every == 0

    def _is_trial(self) -> bool:
        return self._step % self._config.held_out.every == 0

    def _save(self) -> None:
        batches = self._ranks.gathered(self._batches.state_dict())
        if not self._ranks.writes:
            return
        state: dict[str, Any] = {
            "step": self._step,
            "crops": self._crops,
            "seconds": self._seconds,
            "rows": records_of(self._rows),
            "learner": self._learner.state_dict(),
            "batches": batches,
        }
        self._check()
        self._checkpoints.save(self._step, state)
        self._storage.publish_bytes(as_csv(self._rows), log.NAME)
        title = f"{self._config.train.network}, {self._config.train.loss} loss"
        self._storage.publish_bytes(curve.draw_curve(_lines(self._rows), title), curve.NAME)


def showing(progress: TrainingProgress) -> Show:
    """Shows rows of the log as progress."""

    def show(row: LogRow, crops_per_s: float) -> None:
        told = row.accuracy
        trial = "" if told is None else f"{told:.3f} of pairs held out told rightly"
        progress.show(row, crops_per_s, trial)

    return show


def _lines(rows: Sequence[LogRow]) -> list[Line]:
    tried = {row.step: row.accuracy for row in rows if row.accuracy is not None}
    return [
        Line("loss", {row.step: row.loss for row in rows}, noisy=True),
        Line("accuracy on faces held out", tried, (0.45, 1.0)),
    ]
