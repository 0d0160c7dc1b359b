"""Box arithmetic on arrays: pure functions.

Boxes are float32 ``(n, 4)``: x1, y1, x2, y2 in continuous pixels, so a width is ``x2 - x1``.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]
Scores = NDArray[np.float32]

_ROWS = 256


def regress(boxes: Boxes, offsets: NDArray[np.float32]) -> Boxes:
    """Moves each edge by its offset, a fraction of the box's width or height.

    Args:
        boxes: ``(n, 4)``.
        offsets: ``(n, 4)`` as the networks return them: of x1, y1, x2, y2.
    """
    size = boxes[:, 2:] - boxes[:, :2]
    moved: Boxes = boxes + offsets * np.concatenate([size, size], axis=1)
    return moved


def points(squares: Boxes, fractions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the landmarks where O-Net says they are.

    Args:
        squares: ``(n, 4)`` that O-Net saw.
        fractions: ``(n, 10)`` of the sides of the squares: five x, then five y.

    Returns:
        ``(n, 5, 2)`` as x, y.
    """
    size = squares[:, None, 2:] - squares[:, None, :2]
    pairs = fractions.reshape(-1, 2, 5).transpose(0, 2, 1)
    placed: NDArray[np.float32] = squares[:, None, :2] + pairs * size
    return placed


def square(boxes: Boxes) -> Boxes:
    """Grows the shorter side about the centre until each box is a square."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def scale(boxes: Boxes, factor: float) -> Boxes:
    """Grows or shrinks boxes about their centres."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]) * np.float32(factor / 2)
    return np.concatenate([centre - half, centre + half], axis=1)


def visible(boxes: Boxes, width: int, height: int) -> NDArray[np.bool_]:
    """Tells which boxes have an area and share some of it with the image.

    Returns:
        bool ``(n,)``.
    """
    overlap = np.minimum(boxes[:, 2:], (width, height)) - np.maximum(boxes[:, :2], 0)
    shared: NDArray[np.bool_] = np.all(overlap > 0, axis=1)
    return shared


def iou(boxes: Boxes, others: Boxes) -> NDArray[np.float32]:
    """Returns the intersection over union of each box with each of the others.

    Returns:
        float32 ``(n, m)``; 0 for a box without area.
    """
    low = np.maximum(boxes[:, None, :2], others[:, :2])
    high = np.minimum(boxes[:, None, 2:], others[:, 2:])
    shared = np.maximum(high - low, 0).prod(axis=2)
    area, other = ((each[:, 2:] - each[:, :2]).prod(axis=1) for each in (boxes, others))
    union = area[:, None] + other - shared
    ratio: NDArray[np.float32] = np.divide(
        shared, union, out=np.zeros_like(shared), where=shared > 0
    )
    return ratio


def overlapping(boxes: Boxes, others: Boxes, threshold: float) -> NDArray[np.bool_]:
    """Tells which boxes share more than a fraction of their union.

    Row after row, so that thousands of boxes need no more memory than the answer.

    Returns:
        bool ``(n, m)``.
    """
    shared = np.empty((len(boxes), len(others)), np.bool_)
    for start in range(0, len(boxes), _ROWS):
        rows = slice(start, start + _ROWS)
        shared[rows] = iou(boxes[rows], others) > threshold
    return shared


def nms(boxes: Boxes, scores: Scores, threshold: float) -> NDArray[np.intp]:
    """Suppresses boxes that are not maximal, greedily, by intersection over union.

    Args:
        boxes: ``(n, 4)``.
        scores: ``(n,)``; logits rank as probabilities do, without their ties near 1.
        threshold: A box goes when its overlap with a better one is larger than this.

    Returns:
        Indices of the boxes that stay, by descending score; equal scores in their order.
    """
    if len(boxes) == 0:
        return np.empty(0, np.intp)
    corner_and_size = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    ranks = scores - np.min(scores) + 1  # OpenCV wants positive ones
    # 3 ms where a Python loop over the boxes of a 1024 px photo takes 17.
    kept = cv2.dnn.NMSBoxes(corner_and_size.astype(np.float64), ranks, 0.0, threshold)  # type: ignore[arg-type]
    return np.asarray(kept, np.intp).reshape(-1)


def nms_minimum(boxes: Boxes, scores: Scores, threshold: float) -> NDArray[np.intp]:
    """Suppresses boxes as :func:`nms` does, by intersection over the smaller of the two areas.

    That also removes a box inside another one, however small. For the few boxes of the last
    stage; the loop is over the boxes that stay.
    """
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    order = np.argsort(-scores, kind="stable")
    kept = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(best)
        low = np.maximum(boxes[rest, :2], boxes[best, :2])
        high = np.minimum(boxes[rest, 2:], boxes[best, 2:])
        shared = np.maximum(high - low, 0).prod(axis=1)
        order = rest[shared <= threshold * np.minimum(area[rest], area[best])]
    return np.array(kept, np.intp)
