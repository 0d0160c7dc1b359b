"""What a fitting begins with: weights, samples, and how many steps there are."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from jobs.engine.records import create_record, read_record
from jobs.fit.blocks import SampleBlocks
from jobs.fit.config import FitConfig, seconds_of
from jobs.fit.stream import SampleStream
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage
from mtcnn_core.samples.samples import Samples
from mtcnn_core.samples.shown import network_of
from mtcnn_core.settings.fitting import SCRATCH, FittingSettings, with_recipe
from mtcnn_core.settings.samples import Stage
from mtcnn_core.weights import Network, Weights
from mtcnn_core.weights.arrays import Arrays
from mtcnn_core.weights.load import load_weights

_STAGES: tuple[Stage, ...] = ("p", "r", "o")
_SECTION = "fit."
_STEPS = "_job/steps.json"
_FIX = "delete it, and run the same command again"
# Steps that are timed; the first ones are slower.
_UNTIMED, _TIMED = 3, 20


@dataclass(frozen=True)
class Beginning:
    """What a fitting begins with.

    Attributes:
        stage: The network's stage.
        network: The network.
        weights: Those of the cascade that it is a part of.
        arrays: What it begins as; None if that is drawn.
        samples: What it learns from.
        landmarks: Landmark samples of other photos; None if there are none.
        settings: How it learns; the steps are 0 until they are decided.
    """

    stage: Stage
    network: Network
    weights: Weights
    arrays: Arrays | None
    samples: SampleBlocks
    landmarks: SampleBlocks | None
    settings: FittingSettings

    def batches(self, pool_bytes: int) -> Batches:
        """Batches from the first on."""
        return Batches(self, pool_bytes)


class Batches:
    """Batches of samples, and of landmark samples if there are any.

    Args:
        beginning: Where from, and how many.
        pool_bytes: Bytes that batches are drawn from, about.
    """

    def __init__(self, beginning: Beginning, pool_bytes: int) -> None:
        said, landmarks = beginning.settings, beginning.landmarks
        self._samples = SampleStream(
            beginning.samples, said.batch, said.mix, said.balance, pool_bytes, said.seed
        )
        self._landmarks = None
        if landmarks is not None:
            how = (said.landmark_batch, None, 0.0, pool_bytes, said.seed + 1)
            self._landmarks = SampleStream(landmarks, *how, "fit.landmark_batch")

    @property
    def epoch(self) -> int:
        """The epoch of the samples, from 0."""
        return self._samples.epoch

    def next(self) -> tuple[Samples, Samples | None]:
        """Returns a batch of samples and one of landmark samples."""
        return self._samples.next(), self._landmarks.next() if self._landmarks else None

    def state_dict(self) -> dict[str, dict[str, int]]:
        """Where the next ones are."""
        state = {"samples": self._samples.state_dict()}
        if self._landmarks:
            state["landmarks"] = self._landmarks.state_dict()
        return state

    def load_state_dict(self, state: dict[str, dict[str, int]]) -> None:
        """Goes on from there."""
        self._samples.load_state_dict(state["samples"])
        if self._landmarks:
            self._landmarks.load_state_dict(state["landmarks"])


def begin(samples: str, config: FitConfig) -> Beginning:
    """Opens what a fitting begins with.

    Args:
        samples: Local path or fsspec URL of an output of `train samples`.
        config: All settings.

    Raises:
        UserError: Samples and settings do not fit together.
        mtcnn_core.weights.errors.WeightsError: There are no such weights.
    """
    options, held_out = config.input.storage_options, config.input.held_out
    blocks = SampleBlocks(samples, options, held_out)
    said = config.fit
    stage = said.stage or _stage_of(blocks.side)
    network = network_of(stage)
    landmarks = None
    if config.input.landmarks is not None:
        landmarks = SampleBlocks(config.input.landmarks, options, held_out)
    for each, url in ((blocks, samples), (landmarks, config.input.landmarks)):
        if each is not None and each.side != network.side:
            raise UserError(
                f"the samples in '{url}' are of {each.side} px, and {stage.upper()}-Net takes "
                f"{network.side}: make them with --stage {stage}"
            )
    if landmarks is not None and not any(head.name == "landmarks" for head in network.heads):
        raise UserError(
            f"{stage.upper()}-Net has no landmarks: leave --landmarks out, or fit O-Net with them"
        )
    weights = load_weights(said.weights)
    init = said.init or said.weights
    arrays = None if init == SCRATCH else load_weights(init)[network.name]
    names = {name.removeprefix(_SECTION) for name in config.given if name.startswith(_SECTION)}
    settings = with_recipe(said, stage, names)
    return Beginning(stage, network, weights, arrays, blocks, landmarks, settings)


def _stage_of(side: int) -> Stage:
    """The stage whose network takes crops of a side."""
    [stage] = [each for each in _STAGES if network_of(each).side == side]
    return stage


@dataclass(frozen=True)
class _Decided:
    """How many steps a fitting has, for good."""

    steps: int


def decided(
    storage: Storage, beginning: Beginning, config: FitConfig, time_step: Callable[[int], float]
) -> FittingSettings:
    """Settings with their number of steps: as said, or as many as there is time for.

    What was decided once stays, so that a fitting that is resumed is the same as one that is not.

    Args:
        storage: The output.
        beginning: What it begins with.
        config: All settings.
        time_step: Makes a number of steps on a copy, and returns the seconds they took.
    """
    settings = beginning.settings
    if settings.steps:
        return settings
    try:
        steps = read_record(storage, _STEPS, _Decided, _FIX).steps
    except FileNotFoundError:
        time_step(_UNTIMED)
        seconds = time_step(_TIMED) / _TIMED
        steps = max(1, int(seconds_of(config.run.budget) / seconds))
        if settings.epochs:
            rows = sum(block.rows for block in beginning.samples.blocks)
            steps = min(steps, max(1, round(settings.epochs * rows / settings.batch)))
        create_record(storage, _STEPS, {"steps": steps})
    return replace(settings, steps=steps)


def timer(beginning: Beginning, config: FitConfig) -> Callable[[int], float]:
    """Makes steps on a copy of what is fitted, and tells how long they take."""
    from jobs.training.threads import use_threads
    from mtcnn_core.fitting.fitter import Fitter

    use_threads(config.run.threads)
    settings = replace(beginning.settings, steps=_UNTIMED + _TIMED)
    fitter = Fitter(beginning.network, settings, beginning.arrays, config.run.device)
    batches = beginning.batches(config.run.pool_bytes)

    def time_steps(count: int) -> float:
        began = time.monotonic()
        for number in range(count):
            fitter.step(*batches.next(), number)
        return time.monotonic() - began

    return time_steps
