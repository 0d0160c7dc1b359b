"""How a training goes about its work, as opposed to what it learns."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mtcnn_core.settings.training import TrainingDevice


class PlaceSettings(BaseModel):
    """How a folder is reached.

    Attributes:
        storage_options: Passed to fsspec as they are; never shown, dumped or digested.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    storage_options: dict[str, Any] = Field(default_factory=dict, repr=False, exclude=True)


class RunSettings(BaseModel):
    """How a training goes about its work.

    Attributes:
        device: What the network runs on.
        threads: Threads that compute; null is one for every usable CPU. Weights depend on it in
            their last digits.
        checkpoint_every: Steps between two checkpoints.
        checkpoints: How many of them are kept.
        log_every: Steps between two lines of the log.
        line_every_s: Seconds between progress lines where there is no terminal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: TrainingDevice = "cpu"
    threads: int | None = Field(default=None, ge=1)
    checkpoint_every: int = Field(default=200, ge=1)
    checkpoints: int = Field(default=2, ge=1)
    log_every: int = Field(default=10, ge=1)
    line_every_s: float = Field(default=30.0, gt=0.0)
