"""All that `train embedding` can be told."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from jobs.kind.config import Settings
from jobs.training.settings import PlaceSettings, RunSettings
from mtcnn_core.settings.training import TrainingSettings


class HeldOutSettings(BaseModel):
    """On whom the network is tried that it does not learn from.

    Attributes:
        split: The split of the feed that is tried.
        trained: The split that is learned from.
        pairs: Pairs of faces at most, half of them of one person.
        every: Steps between two trials.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    split: str = Field(default="val", min_length=1)
    trained: str = Field(default="train", min_length=1)
    pairs: int = Field(default=6000, ge=20)
    every: int = Field(default=500, ge=1)


class TrainingRun(RunSettings):
    """How a training goes about its work.

    Attributes:
        workers: Processes of Ray Train that learn together, each from its own batches; null is
            one, without Ray.
        ray_address: Cluster to join; null starts Ray on this machine unless RAY_ADDRESS is set.
        gpus_per_worker: GPUs of each worker of Ray Train.
        max_attempts: How often workers of Ray Train are started again from the last checkpoint.
        loaders: Processes that read and decode crops for each worker; 0 is none besides.
    """

    workers: int | None = Field(default=None, ge=1)
    ray_address: str | None = None
    gpus_per_worker: float = Field(default=0.0, ge=0.0, le=64.0)
    max_attempts: int = Field(default=4, ge=1)
    loaders: int = Field(default=1, ge=0)


class EmbeddingTrainingConfig(Settings):
    """Everything `train embedding` can be told, one section a field.

    Attributes:
        input: How the feed is reached.
        output: How the output is reached.
        run: How the work goes.
        train: Network, loss, batches and steps.
        held_out: On whom the network is tried.
    """

    input: PlaceSettings = Field(default_factory=PlaceSettings)
    output: PlaceSettings = Field(default_factory=PlaceSettings)
    run: TrainingRun = Field(default_factory=TrainingRun)
    train: TrainingSettings = Field(default_factory=TrainingSettings)
    held_out: HeldOutSettings = Field(default_factory=HeldOutSettings)

    def identity(self) -> dict[str, Any]:
        """What determines the weights; with `workers`, since each has its own batches."""
        dump = super().identity()
        return {
            "train": dump["train"],
            "held_out": dump["held_out"],
            "run": {"workers": self.run.workers or 1},
        }
