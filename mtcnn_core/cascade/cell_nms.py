"""Non-maximum suppression of P-Net's cells: equal squares on a grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.cascade.boxes import nms
from mtcnn_core.weights import PNET
from mtcnn_core.weights.architecture import STRIDE

Indices = NDArray[np.intp]

# Cells as far apart as this, in steps of the grid, share nothing.
_REACH = PNET.side // STRIDE
_ROUNDS = 32


def nms_cells(
    rows: Indices, columns: Indices, scores: NDArray[np.float32], threshold: float
) -> Indices:
    """Suppresses cells that are not maximal, greedily, by intersection over union.

    The result is that of :func:`mtcnn_core.cascade.boxes.nms`, but in exact arithmetic: how much
    two cells overlap follows from how many steps they are apart. A cell that is better than all
    cells it overlaps with stays and they go, everywhere at once, until nothing is undecided: 3 to 5
    times on a photo. All levels of a 1024 px photo together take 0.25 ms; with OpenCV's
    ``NMSBoxes``, a level at a time, it was 0.9.

    Args:
        rows: ``(n,)`` place of each cell on the grid; cells come row by row, without doubles.
        columns: ``(n,)`` place of each cell, likewise.
        scores: ``(n,)`` of each cell.
        threshold: A cell goes when its overlap with a better one is larger than this; of equals
            the first is the better one.

    Returns:
        Indices of the cells that stay, in their order.
    """
    if len(rows) == 0:
        return np.empty(0, np.intp)
    steps, before = _neighbours(threshold)
    # Cells by place, counted from 1, with so much space around that no neighbour is elsewhere.
    pitch = int(np.max(columns)) + 1 + _REACH
    grid = np.empty((int(rows[-1]) + 1 + 2 * _REACH) * pitch, np.int32)
    places = (rows + _REACH) * pitch + columns
    around = (steps @ (pitch, 1))[:, None] + places
    grid[around] = 0
    grid[places] = np.arange(1, len(rows) + 1)
    around = grid[around]
    open_scores = np.concatenate([[-np.inf], scores]).astype(np.float32)
    undecided, kept = np.arange(len(rows)), np.zeros(len(rows), np.bool_)
    for _ in range(_ROUNDS):
        own, others = open_scores[undecided + 1], open_scores[around[:, undecided]]
        best = (others[:before] < own).all(axis=0) & (others[before:] <= own).all(axis=0)
        peaks = undecided[best]
        kept[peaks] = True
        open_scores[peaks + 1] = open_scores[around[:, peaks]] = -np.inf
        undecided = undecided[open_scores[undecided + 1] > -np.inf]
        if len(undecided) == 0:
            break
    else:  # a long slope, on which each cell waits for the next
        corners = STRIDE * np.stack([columns[undecided], rows[undecided]], axis=1)
        squares = np.concatenate([corners, corners + PNET.side], axis=1)
        kept[undecided[nms(squares.astype(np.float32), scores[undecided], threshold)]] = True
    return np.flatnonzero(kept)


def _neighbours(threshold: float) -> tuple[Indices, int]:
    """Steps (rows, columns) to the cells that overlap by more, and how many of them come before."""
    side = 2 * _REACH - 1
    steps = np.indices((side, side)).reshape(2, -1).T - (_REACH - 1)
    shared = (PNET.side - STRIDE * np.abs(steps)).prod(axis=1)
    overlap = shared / (2 * PNET.side**2 - shared)
    near = (overlap > threshold) & steps.any(axis=1)
    return steps[near], int(near.sum()) // 2
