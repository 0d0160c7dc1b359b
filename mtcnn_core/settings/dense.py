"""How YuNet or SCRFD is used as the detector."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class DenseSettings:
    """How YuNet or SCRFD is used as the detector; without effect on the others.

    Attributes:
        threshold: Lowest score of a face. Average precision wants 0.02, a dataset of faces more.
        nms: Overlap (intersection over union) allowed between two faces.
        tiles: Whether a photo larger than the longest side is looked at in tiles of that side as
            well, at its own scale: for small faces, at the cost of as many looks as there are
            tiles.
        overlap: How much of a tile's side its neighbour shows as well; faces that are cut by the
            edge of a tile are left to the neighbour, or to the look at the whole.
    """

    threshold: Annotated[float, Field(ge=0.001, le=0.999)] = 0.5
    nms: Annotated[float, Field(ge=0, le=1)] = 0.4
    tiles: bool = False
    overlap: Annotated[float, Field(ge=0, le=0.75)] = 0.25
