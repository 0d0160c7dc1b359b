"""How far boxes cover each other, in the two ways that protocols of evaluation count it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def corners(boxes: Floats) -> Floats:
    """Turns x, y, width, height into x1, y1, x2, y2, ``(n, 4)``."""
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def iou(boxes: Floats, others: Floats, *, edge: float = 0.0) -> Floats:
    """Returns the intersection over union of every box with every other one.

    Args:
        boxes: ``(n, 4)``: x1, y1, x2, y2.
        others: ``(m, 4)``.
        edge: Added to every width and height: 1 where a protocol takes the corners for the first
            and the last pixel, as WIDER FACE's does.

    Returns:
        ``(n, m)``, 0 where neither of the two has an area.
    """
    shared = _shared(boxes, others, edge)
    union = _areas(boxes, edge)[:, None] + _areas(others, edge)[None, :] - shared
    overlaps: Floats = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return overlaps


def covered(boxes: Floats, others: Floats) -> Floats:
    """Returns the share of every box that lies within every other one, ``(n, m)``."""
    shared = _shared(boxes, others, 0.0)
    areas = np.broadcast_to(_areas(boxes, 0.0)[:, None], shared.shape)
    shares: Floats = np.divide(shared, areas, out=np.zeros_like(shared), where=areas > 0)
    return shares


def _shared(boxes: Floats, others: Floats, edge: float) -> Floats:
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared: Floats = np.maximum(high - low + edge, 0).prod(axis=2)
    return shared


def _areas(boxes: Floats, edge: float) -> Floats:
    areas: Floats = np.maximum(boxes[:, 2:] - boxes[:, :2] + edge, 0).prod(axis=1)
    return areas
