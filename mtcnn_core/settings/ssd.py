"""What an SSD model wants to be fed, and how sure it has to be."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as validated

Finite = Annotated[float, Field(allow_inf_nan=False)]


@validated(frozen=True, config=ConfigDict(extra="forbid"))
class SsdSettings:
    """How an SSD model is used as the detector; without effect on the cascade.

    The defaults suit the models of Open Model Zoo, which take colours as they are in the file.

    Attributes:
        threshold: Lowest score of a face. For face-detection-0204 on WIDER FACE 0.2 finds 89 %
            of the easy faces, and 68 % of what it finds is right; 0.4 finds 86 %, 87 % right.
        label: Number of the class that is a face, for models that know several; null takes all.
        colours: Order of the colours.
        mean: What is taken from the colours (0 to 255) first, in that order.
        scale: What the difference is divided by.
    """

    threshold: Annotated[float, Field(ge=0.001, le=0.999)] = 0.2
    label: Annotated[int, Field(ge=0)] | None = None
    colours: Literal["bgr", "rgb"] = "bgr"
    mean: tuple[Finite, Finite, Finite] = (0.0, 0.0, 0.0)
    scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
