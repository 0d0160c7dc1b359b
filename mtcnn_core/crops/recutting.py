"""A crop cut out of another crop, where that holds all of it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mtcnn_core.crops.crops import cut

# A crop of the same matrix must hold itself, whatever the last bits of float32 say; in pixels.
_SLACK = 1e-2


def recut(
    crop: NDArray[np.uint8],
    stored: NDArray[np.floating],
    wanted: NDArray[np.floating],
    size: int,
    photo: tuple[int, int],
) -> NDArray[np.uint8] | None:
    """Cuts a crop out of a stored one.

    Args:
        crop: uint8 ``(h, w, 3)`` RGB, the stored crop.
        stored: ``(2, 3)``, photo -> stored crop, continuous pixels.
        wanted: ``(2, 3)``, photo -> wanted crop.
        size: Side of the wanted crop.
        photo: ``(width, height)`` of the photo; beyond it both are black.

    Returns:
        uint8 ``(size, size, 3)`` RGB; None where the stored crop lacks pixels of the photo that the
        wanted one shows, or has fewer of them than the photo gives.
    """
    height, width = crop.shape[:2]
    to_stored, to_wanted = _square(stored), _square(wanted)
    corners = np.array([[0, 0], [size, 0], [size, size], [0, size]], np.float64)
    area = _moved(corners, np.linalg.inv(to_wanted))
    frame = np.array([[0, 0], [photo[0], 0], photo, [0, photo[1]]], np.float64)
    _, shown = cv2.intersectConvexConvex(area.astype(np.float32), frame.astype(np.float32))
    if shown is not None:
        inside = _moved(shown.reshape(-1, 2).astype(np.float64), to_stored)
        if (inside < -_SLACK).any() or (inside > np.array([width, height]) + _SLACK).any():
            return None
        # As many pixels as the wanted crop takes, or as the photo has.
        needed = min(1.0, float(np.linalg.svd(to_wanted[:2, :2], compute_uv=False).max()))
        if np.linalg.svd(to_stored[:2, :2], compute_uv=False).min() < needed * (1 - _SLACK):
            return None
    return cut(crop, (to_wanted @ np.linalg.inv(to_stored))[:2], size)


def _square(matrix: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.vstack([np.asarray(matrix, np.float64).reshape(2, 3), [0, 0, 1]])


def _moved(points: NDArray[np.float64], matrix: NDArray[np.floating]) -> NDArray[np.float64]:
    moved: NDArray[np.float64] = points @ matrix[:2, :2].T + matrix[:2, 2]
    return moved


def photo_pixels(wanted: NDArray[np.floating]) -> float:
    """Tells how many pixels of a photo a pixel of its crops is as wide as, at least.

    Args:
        wanted: ``(n, 2, 3)``, photo -> crop, of one crop or more.
    """
    scales = np.linalg.svd(np.asarray(wanted, np.float64)[:, :, :2], compute_uv=False)
    return float(1 / scales.max())
