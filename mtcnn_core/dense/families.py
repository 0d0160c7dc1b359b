"""What the numbers of YuNet and of SCRFD mean.

Both say of each cell of grids 8, 16, 32 ... pixels apart how sure they are of a face there, where
its box is and where its five points are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mtcnn_core.cascade.boxes import Boxes, Scores

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Family:
    """Detectors of one kind.

    Attributes:
        name: What it is called.
        scores: Arrays with scores that there are for each grid.
        blob: Makes of uint8 ``(h, w, 3)`` RGB what the network takes, float32 ``(1, 3, h, w)``.
        boxes: Places boxes: cells ``(n, 2)`` as column and row, numbers ``(n, 4)`` and the pixels
            from cell to cell -> ``(n, 4)`` in pixels of what the network has seen.
    """

    name: str
    scores: int
    blob: Callable[[NDArray[np.uint8]], Floats]
    boxes: Callable[[Floats, Floats, int], Boxes]


def sure(scores: list[Floats], are_logits: bool) -> Scores:
    """Joins the scores of a cell: their geometric mean, as YuNet's authors do with its two.

    Args:
        scores: ``(n,)`` each.
        are_logits: Whether the graph ends before the sigmoid.
    """
    parts = [np.clip(_probabilities(each) if are_logits else each, 0, 1) for each in scores]
    joined: Scores = np.prod(parts, axis=0) ** np.float32(1 / len(parts))
    return joined


def points(cells: Floats, numbers: Floats, stride: int) -> Floats:
    """Places five points, ``(n, 5, 2)``, by how many cells they are from theirs."""
    placed: Floats = (cells[:, None] + numbers.reshape(-1, 5, 2)) * np.float32(stride)
    return placed


def _probabilities(logits: Floats) -> Floats:
    # Those of background may be so low that their exponential is infinite, and 0 is right.
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-logits)), np.float32)


def _yunet_boxes(cells: Floats, numbers: Floats, stride: int) -> Boxes:
    """Centres by cells from theirs, sides by the logarithm of cells."""
    centre = (cells + numbers[:, :2]) * stride
    with np.errstate(over="ignore"):  # such a box is none
        half = np.exp(numbers[:, 2:]) * stride / 2
    return np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)


def _scrfd_boxes(cells: Floats, numbers: Floats, stride: int) -> Boxes:
    """Edges by cells from theirs: left, up, right, down."""
    signs = np.array([-1, -1, 1, 1], np.float32)
    placed = (np.concatenate([cells, cells], axis=1) + signs * numbers) * stride
    return np.asarray(placed, np.float32)


def _yunet_blob(pixels: NDArray[np.uint8]) -> Floats:
    return np.asarray(cv2.dnn.blobFromImage(pixels, swapRB=True), np.float32)


def _scrfd_blob(pixels: NDArray[np.uint8]) -> Floats:
    mean = (127.5,) * 3
    return np.asarray(cv2.dnn.blobFromImage(pixels, 1 / 128, mean=mean), np.float32)


# YuNet: Wu, Peng and Yu (2023); SCRFD: Guo et al. (2021).
FAMILIES = (
    Family("YuNet", 2, _yunet_blob, _yunet_boxes),
    Family("SCRFD", 1, _scrfd_blob, _scrfd_boxes),
)
