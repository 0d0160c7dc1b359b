"""Where the five landmarks lie in an aligned crop, by the names of the templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PointTemplate:
    """Where the landmarks lie in a crop.

    Attributes:
        size: Side of the crop that the points are given for.
        points: float64 ``(5, 2)``: eyes, nose, corners of the mouth, left ones first, in
            continuous pixels (pixel ``i`` covers ``[i, i + 1)``).
    """

    size: int
    points: Points

    def scaled(self, size: float) -> Points:
        """Returns the points for a crop of another side."""
        return self.points * (size / self.size)


# The values published with InsightFace count from pixel centres: plus half a pixel.
_ARCFACE = 0.5 + np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)
# The mean shape of dlib's `get_face_chip_details` with padding 0.25, of which the eyes are the
# means of their outlines. dlib takes the middle of the crop, 75, to the shape's 75: in the crop
# these are continuous pixels, though in photos dlib counts from pixel centres.
_DLIB = np.array([[47.5, 46.6], [100.5, 46.6], [74.0, 76.6], [50.4, 103.0], [97.6, 103.0]])
# Open Model Zoo, face-reidentification-retail-0095: fractions of the crop's side.
_REID = 128 * np.array(
    [
        [0.31556875, 0.46157410],
        [0.68262292, 0.45983393],
        [0.50026249, 0.64050536],
        [0.34947187, 0.82469196],
        [0.65343645, 0.82325089],
    ]
)

TEMPLATES: Mapping[str, PointTemplate] = MappingProxyType(
    {
        "arcface112": PointTemplate(112, _ARCFACE),
        "dlib150": PointTemplate(150, _DLIB),
        "reid128": PointTemplate(128, _REID),
    }
)
