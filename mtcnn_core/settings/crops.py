"""How faces become crops, and which of them are kept."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

Mode = Literal["margin", "margin_pixels", "similarity"]
Keep = Literal["all", "largest", "center", "best"]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class CropSettings:
    """How faces become crops.

    Attributes:
        size: Side of the square crop in pixels.
        mode: ``margin`` maps the box with its margin onto the crop, so width and height are
            scaled separately, as for FaceNet's training crops. ``margin_pixels`` does so with
            a margin in pixels of the photo, cut off at its border, as davidsandberg/facenet does:
            a small face then gets more around it than a large one. ``similarity`` moves, turns
            and scales the face until its landmarks fall on the ArcFace template, and keeps its
            shape.
        margin: For ``margin``: what is added to the box, as a fraction of its width and height,
            half on each side. 0.25 gives the box 128 of 160 pixels.
        margin_pixels: For ``margin_pixels``: what is added to width and height, half on each side.
        keep: Which faces of a photo are kept, see :func:`mtcnn_core.crops.alignment.kept_faces`.
        format: File format of a stored crop; ``none`` stores the rest of the row and no picture.
        quality: Quality of a stored JPEG; chroma is not subsampled.
    """

    size: Annotated[int, Field(ge=8, le=4096)] = 160
    mode: Mode = "margin"
    margin: Annotated[float, Field(ge=0, le=4)] = 0.25
    margin_pixels: Annotated[float, Field(ge=0, le=10_000)] = 44
    keep: Keep = "all"
    format: Literal["jpeg", "png", "none"] = "jpeg"
    quality: Annotated[int, Field(ge=1, le=100)] = 95

    @property
    def box_pixels(self) -> float:
        """Pixels of the crop that a side of the face's box fills, at most."""
        return self.size / (1 + self.margin) if self.mode == "margin" else self.size


PRESETS = MappingProxyType(
    {
        "facenet160": CropSettings(size=160, mode="margin", margin=0.25),
        "arcface112": CropSettings(size=112, mode="similarity"),
        "facenet": CropSettings(size=160, mode="margin_pixels", margin_pixels=32),
        "facenet182": CropSettings(size=182, mode="margin_pixels", margin_pixels=44),
    }
)
