"""All that `train fit` can be told."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field

from jobs.kind.config import Settings
from jobs.training.settings import PlaceSettings, RunSettings
from mtcnn_core.settings.fitting import FittingSettings

_UNITS = {"s": 1, "m": 60, "h": 3600}


def seconds_of(budget: str) -> float:
    """Returns the seconds of a time such as 90s, 15m or 1.5h.

    Raises:
        ValueError: It is none.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", budget)
    if not match or not float(match[1]):
        raise ValueError("give a time such as 90s, 15m or 1h")
    return float(match[1]) * _UNITS[match[2]]


def _checked(budget: str) -> str:
    seconds_of(budget)
    return budget


Budget = Annotated[str, AfterValidator(_checked)]


class SamplesPlace(PlaceSettings):
    """Where samples are besides those that are named first, and how all are reached.

    Attributes:
        landmarks: Samples with landmarks, made of other photos; null are none.
        held_out: Share of the photos, by a hash of their keys, whose samples are only tried.
    """

    landmarks: str | None = Field(default=None, min_length=1)
    held_out: float = Field(default=0.03, ge=0.0, le=0.5)


class FitRun(RunSettings):
    """How a fitting goes about its work.

    Attributes:
        budget: Time for the steps, if their number is not said; on another machine, or under other
            load, they become others.
        pool_bytes: Bytes of samples that batches are drawn from, about.
        try_every: Steps between two trials on what is held out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    threads: int | None = Field(default=1, ge=1)
    budget: Budget = "15m"
    pool_bytes: int = Field(default=256 << 20, ge=1)
    try_every: int = Field(default=200, ge=1)


class FitConfig(Settings):
    """Everything `train fit` can be told, one section a field.

    Attributes:
        input: Where landmark samples are, and how samples are reached.
        output: How the output is reached.
        run: How the work goes.
        fit: Losses, batches, steps and what it begins with.
    """

    input: SamplesPlace = Field(default_factory=SamplesPlace)
    output: PlaceSettings = Field(default_factory=PlaceSettings)
    run: FitRun = Field(default_factory=FitRun)
    fit: FittingSettings = Field(default_factory=FittingSettings)

    def identity(self) -> dict[str, Any]:
        """What determines the weights; where samples are does not, and time if it decides."""
        dump = super().identity()
        run = {"pool_bytes": dump["run"]["pool_bytes"]}
        if not self.fit.steps:
            run["budget"] = dump["run"]["budget"]
        return {"fit": dump["fit"], "run": run, "input": {"held_out": dump["input"]["held_out"]}}
