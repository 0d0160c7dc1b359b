"""How faces become vectors, and by which model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from mtcnn_core.engines.registry import DeviceName, EngineName, Precision, check_opens
from mtcnn_core.settings.models import is_name

# The model that needs no file.
DLIB = "dlib"
Template = Literal["model", "arcface112", "dlib150", "reid128", "margin"]
Normalise = Literal["model", "fixed", "prewhiten", "imagenet", "own"]
Colours = Literal["model", "rgb", "bgr"]
Layout = Literal["model", "nchw", "nhwc"]
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def by_place(model: str) -> str:
    """Returns a name as it is and a path from the root, so that it means the same everywhere."""
    return model if is_name(model) else str(Path(os.path.expanduser(model)).absolute())


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class EmbeddingSettings:
    """How faces become vectors, and by which model.

    What is "model" comes with a known or imported model. Of any other it has to be said: nothing is
    assumed.

    Attributes:
        model: "dlib", the name of an imported model, or the path of an ``.onnx`` or ``.xml``.
        template: Where the face lies in the crop: "arcface112", "dlib150" and "reid128" move the
            landmarks onto those of the name, whatever the size; "margin" stretches the box and its
            margin over the crop.
        margin: For the template "margin": what is added to the box, as a fraction of its width and
            height, half on each side.
        size: Side of the crop in pixels; null is the model's own.
        normalise: What becomes of values from 0 to 255: "fixed" is (x - 127.5) / 128; "prewhiten"
            takes the crop's mean off and divides by its deviation; "imagenet" takes the means of
            that set's colours off and divides by their deviations; "own" does so with ``mean`` and
            ``scale``.
        mean: For "own": one number, or one a colour in the order of ``colours``.
        scale: For "own": what the difference is divided by; one number, or one a colour.
        colours: Order of the colours.
        layout: Whether colours come before ("nchw") or after ("nhwc") the rows; "model" is what the
            graph's shape tells.
        flip: Whether the vector of the mirrored crop is added.
        device: What the model runs on.
        engine: What computes it; "auto" is the first of :mod:`mtcnn_core.engines` that opens such a
            file, and computes on the device and in the precision.
        precision: What the engine computes in; "f32" is exact. Another is refused where vectors of
            faces move by more than .001 (cosine).
        batch: Crops at once; null is what suits the model.
    """

    model: Annotated[str, AfterValidator(by_place)] = DLIB
    template: Template = "model"
    margin: Annotated[float, Field(ge=0, le=4)] = 0.25
    size: Annotated[int, Field(ge=8, le=1024)] | None = None
    normalise: Normalise = "model"
    mean: _Finite | tuple[_Finite, _Finite, _Finite] | None = None
    scale: _Positive | tuple[_Positive, _Positive, _Positive] | None = None
    colours: Colours = "model"
    layout: Layout = "model"
    flip: bool = False
    device: DeviceName = "cpu"
    engine: EngineName = "auto"
    precision: Precision = "f32"
    batch: Annotated[int, Field(ge=1, le=1024)] | None = None

    @model_validator(mode="after")
    def _possible(self) -> EmbeddingSettings:
        given = self.mean is not None, self.scale is not None
        if self.normalise == "own" and not all(given):
            raise ValueError("normalise own needs mean and scale")
        if self.normalise != "own" and any(given):
            raise ValueError("mean and scale need normalise own")
        check_opens(self.engine, self.device, self.precision)
        return self
