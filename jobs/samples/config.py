"""All that `train samples` can be told."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from jobs.kind.config import JobConfig
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.settings.images import ImageLimits
from mtcnn_core.settings.samples import SampleSettings


class TruthSettings(BaseModel):
    """Where the ground truth is.

    Attributes:
        file: File or folder of boxes or landmarks, or an output of `extract`.
        held_out: Share of the photos, by a hash of what the ground truth calls them, of which no
            samples are made: what is learned can be tried on them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str | None = Field(default=None, min_length=1)
    held_out: float = Field(default=0.0, ge=0.0, lt=1.0)


class Config(JobConfig):
    """Everything `train samples` can be told, one section a field.

    Attributes:
        truth: What is known of the photos.
        samples: Which samples are made.
        detect: How the cascade that they come from looks at photos.
        limits: What is too large or too small to be decoded.
    """

    # What is in it decides, wherever it is: that has a digest of its own.
    compared: ClassVar = {"truth.file": lambda address: None}

    truth: TruthSettings = Field(default_factory=TruthSettings)
    samples: SampleSettings = Field(default_factory=SampleSettings)
    detect: DetectorSettings = Field(default_factory=DetectorSettings)
    limits: ImageLimits = Field(default_factory=ImageLimits)

    def identity(self) -> dict[str, Any]:
        """What determines the output; the ground truth is the same wherever it is."""
        return {
            **super().identity(),
            "truth": {"file": None, "held_out": self.truth.held_out},
        }
