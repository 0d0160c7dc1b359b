"""Between which pixels of an image those of a crop lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def between(
    sizes: NDArray[np.intp], first: NDArray[np.float64], step: NDArray[np.float64], side: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Returns the pixels that those of crops lie between, and how much each of them counts.

    Args:
        sizes: ``(n, 2)`` width and height of the image of each crop.
        first: ``(n, 2)`` x, y of the centre of its first pixel, counted from that of the image's.
        step: ``(n, 2)`` from one of its pixels to the next.
        side: Side of the crops.

    Returns:
        int64 ``(n, 2, side)``: the column or row before each place; float32 ``(2, n, 2, side)``:
        the weights of that column or row and of the next one.
    """
    with np.errstate(invalid="ignore"):
        places = first[:, :, None] + step[:, :, None] * np.arange(side)
    # A place lies between two pixels of the image; what is further from one than 1 sees black, and
    # so does what is nowhere: these functions prefer any number to not-a-number.
    near = np.fmin(np.fmax(np.floor(places), 0), np.maximum(sizes - 2, 0)[:, :, None])
    ahead = places - near
    weights = np.empty((2, len(first), 2, side), np.float32)
    np.fmax(1 - np.abs(ahead), 0, out=weights[0])
    np.fmax(1 - np.abs(ahead - 1), 0, out=weights[1])
    weights[1][sizes == 1] = 0
    return near.astype(np.int64), weights
