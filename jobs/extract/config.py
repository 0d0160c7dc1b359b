"""All that the job `extract` can be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field

from jobs.kind.config import JobConfig
from jobs.kind.loading import load
from mtcnn_core.settings.crops import CropSettings
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.settings.images import ImageLimits
from mtcnn_core.settings.models import name_of


class Config(JobConfig):
    """Everything `extract` can be told, one section a field.

    Attributes:
        detect: The detector's settings.
        crop: How faces are cropped and which are kept.
        limits: What is too large or too small to be decoded.
    """

    # Of the path to a detector's model only the name counts, so the file can be moved: what is in
    # it is known by a digest of its own.
    compared: ClassVar = {"detect.detector": name_of}

    detect: DetectorSettings = Field(default_factory=DetectorSettings)
    crop: CropSettings = Field(default_factory=CropSettings)
    limits: ImageLimits = Field(default_factory=ImageLimits)


def load_config(
    path_or_preset: str | None,
    flags: Mapping[str, object] | None = None,
    sets: Sequence[str] = (),
    *,
    stored: Mapping[str, Any] | None = None,
) -> Config:
    """Puts the settings of `extract` together; see :func:`jobs.kind.loading.load`."""
    return load(Config, path_or_preset, flags, sets, stored=stored)
