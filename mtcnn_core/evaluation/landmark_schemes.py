"""The usual annotations of many points, brought down to the five that the cascade finds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mtcnn_core.evaluation.overlaps import Floats

# Number of points -> which of them, on average, are each of the five.
SCHEMES: dict[int, tuple[Sequence[int], ...]] = {
    # iBUG 300-W, as dlib and most others annotate.
    68: (range(36, 42), range(42, 48), (30,), (48,), (54,)),
    # WFLW.
    98: (range(60, 68), range(68, 76), (54,), (76,), (82,)),
}


def five_points(points: Floats) -> Floats:
    """Returns left eye, right eye, nose, left and right mouth corner, ``(5, 2)``.

    Args:
        points: ``(68, 2)`` or ``(98, 2)``, in the order of 300-W or of WFLW; eyes become the mean
            of their outlines.

    Raises:
        KeyError: Of an unknown number of points.
    """
    return np.stack([points[list(indices)].mean(axis=0) for indices in SCHEMES[len(points)]])
