"""All that `train cascade` can be told."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from jobs.engine.settings import OutputSettings, RunSettings
from jobs.fit.config import Budget, FitConfig, FitRun, seconds_of
from jobs.kind.config import Settings
from jobs.samples.config import Config as SamplesConfig
from jobs.sources.settings import InputSettings
from mtcnn_core.settings.detector import DetectorSettings, Threshold
from mtcnn_core.settings.fitting import FittingSettings
from mtcnn_core.settings.images import ImageLimits
from mtcnn_core.settings.samples import SampleSettings, Stage

# Of the time for all fits; O-Net has the most to learn and is the slowest.
_SHARES: dict[Stage, float] = {"p": 0.5, "r": 1.0, "o": 2.0}
_SMALLER, _SMALLEST = 0.8, 8.0
# What is left is for samples and comparisons.
_FITTING = 0.7


def _share(value: object) -> object:
    """A share such as 0.1 or 10%."""
    if isinstance(value, str) and value.endswith("%"):
        return float(value[:-1]) / 100
    return value


def _ordered(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    if not stages or sorted(set(stages), key="pro".index) != list(stages):
        raise ValueError("give stages in their order, each once: p, r, o")
    return stages


class CascadeSettings(BaseModel):
    """Which networks are trained, in how many rounds, and what they are compared by.

    Attributes:
        stages: The networks, in their order.
        rounds: How often samples are made by the networks as they are, and all are fitted.
        holdout: Share of the photos that is not learned from, and compared on, such as 0.1 or 10%.
        budget: Time for all of it, such as 1h; about, since samples and comparisons take theirs.
        landmarks: Ground truth with landmarks, of other photos; null trains O-Net without, and
            keeps its landmarks by what they were.
        landmark_photos: Where these photos are; the folder of that file by default.
        thresholds: Thresholds at which the old and the new weights are compared, besides those of
            `detect`.
        name: Under which the weights are imported; null leaves them in the output.
        replace: Whether other weights of that name give way.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    stages: Annotated[tuple[Stage, ...], AfterValidator(_ordered)] = ("p", "o")
    rounds: int = Field(default=2, ge=1, le=20)
    holdout: Annotated[float, BeforeValidator(_share)] = Field(default=0.1, gt=0.0, lt=1.0)
    budget: Budget = "1h"
    landmarks: str | None = Field(default=None, min_length=1)
    landmark_photos: str | None = Field(default=None, min_length=1)
    thresholds: tuple[tuple[Threshold, Threshold, Threshold], ...] = ((0.5, 0.3, 0.05),)
    name: str | None = Field(default=None, min_length=1)
    replace: bool = False


class CascadeConfig(Settings):
    """Everything `train cascade` can be told, one section a field.

    Attributes:
        input: How the photos are read.
        output: How outputs are written.
        run: How the work on samples is spread over workers.
        samples: Which samples are made.
        detect: How the cascade looks at photos; `detect.weights` are what it begins with.
        limits: What is too large or too small to be decoded.
        fit: How each network is fitted.
        fitting: How the work of fitting goes.
        cascade: Networks, rounds and comparisons.
    """

    input: InputSettings = Field(default_factory=InputSettings)
    output: OutputSettings = Field(default_factory=OutputSettings)
    run: RunSettings = Field(default_factory=RunSettings)
    samples: SampleSettings = Field(default_factory=SampleSettings)
    detect: DetectorSettings = Field(default_factory=DetectorSettings)
    limits: ImageLimits = Field(default_factory=ImageLimits)
    fit: FittingSettings = Field(default_factory=FittingSettings)
    fitting: FitRun = Field(default_factory=lambda: FitRun(threads=None))
    cascade: CascadeSettings = Field(default_factory=CascadeSettings)

    def identity(self) -> dict[str, Any]:
        """What determines the weights."""
        dump = super().identity()
        cascade = {
            name: value
            for name, value in dump["cascade"].items()
            if name not in ("name", "replace", "landmarks", "landmark_photos")
        }
        kept = {name: dump[name] for name in ("samples", "detect", "limits", "fit")}
        return {**kept, "cascade": cascade, "run": {"shards": dump["run"]["shards"]}}

    def samples_of(self, stage: Stage, weights: str, truth: str) -> SamplesConfig:
        """Settings of the samples for a network.

        Args:
            stage: The network.
            weights: Weights of the cascade as it is.
            truth: Where the ground truth is.
        """
        tree = self.model_dump(mode="json")
        made = {name: tree[name] for name in ("input", "output", "run", "detect", "limits")}
        for name in ("input", "output"):
            made[name]["storage_options"] = getattr(self, name).storage_options
        made["detect"]["weights"] = weights
        # So that the smallest faces wanted are seen at more than one scale.
        made["detect"]["min_face"] = max(_SMALLEST, _SMALLER * self.detect.min_face)
        said = {
            name: value
            for name, value in tree["samples"].items()
            if f"samples.{name}" in self.given
        }
        made["samples"] = {**said, "stage": stage}
        made["truth"] = {"file": truth, "held_out": self.cascade.holdout}
        return SamplesConfig.model_validate(made)

    def fit_of(
        self, stage: Stage, weights: str, landmarks: str | None, is_first: bool
    ) -> FitConfig:
        """Settings of the fit of a network.

        Args:
            stage: The network.
            weights: Weights of the cascade as it is.
            landmarks: Landmark samples; None are none.
            is_first: Whether it is the first round, which begins as `fit.init` says; later ones go
                on from there.
        """
        init = self.fit.init if is_first else None
        every = sum(_SHARES[each] for each in self.cascade.stages) * self.cascade.rounds
        seconds = seconds_of(self.cascade.budget) * _FITTING * _SHARES[stage] / every
        config = FitConfig.model_validate(
            {
                "input": {
                    "landmarks": landmarks,
                    "storage_options": self.output.storage_options,
                },
                "output": {"storage_options": self.output.storage_options},
                "run": {**self.fitting.model_dump(), "budget": f"{max(seconds, 0.1):.1f}s"},
                "fit": {
                    **self.model_dump(mode="json")["fit"],
                    "stage": stage,
                    "weights": weights,
                    "init": init,
                },
            }
        )
        return config.as_given(self.given)
