"""Which outputs of a network are of which grid, found out from their shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.dense.families import FAMILIES, Family
from mtcnn_core.weights.errors import ModelError

_STRIDES = (4, 8, 16, 32, 64, 128)
_ANCHORS = (1, 2)
_BOX, _POINTS = 4, 10
_WANTED = (
    "a dense detector gives scores, boxes (4 numbers) and five points (10 numbers) for each of "
    "its grids"
)


@dataclass(frozen=True)
class Grid:
    """One grid of cells.

    Attributes:
        stride: Pixels from cell to cell.
        anchors: Answers of each cell.
        scores: Numbers of the outputs with scores.
        boxes: Number of that with boxes.
        points: Number of that with points.
    """

    stride: int
    anchors: int
    scores: tuple[int, ...]
    boxes: int
    points: int


@dataclass(frozen=True)
class Grids:
    """All grids of a network.

    Attributes:
        family: What its numbers mean.
        grids: The grids.
    """

    family: Family
    grids: tuple[Grid, ...]


def rows_of(output: NDArray[Any]) -> NDArray[np.float32]:
    """Returns an output as rows, ``(n, c)``: one image, with or without a side for it.

    Raises:
        ModelError: It has another form.
    """
    rows = output[0] if output.ndim == 3 and len(output) == 1 else output
    if rows.ndim != 2:
        raise ModelError(f"its outputs have the shape {output.shape}, but {_WANTED}")
    return np.asarray(rows, np.float32)


def find_grids(outputs: Sequence[NDArray[Any]], width: int, height: int) -> Grids:
    """Finds out which outputs are of which grid.

    Args:
        outputs: What the network has given.
        width: Width in pixels of what it has seen; a multiple of its largest stride.
        height: Its height.

    Raises:
        ModelError: It is no network of these families, or has no five points.
    """
    by_rows: dict[int, dict[int, list[int]]] = {}
    for number, output in enumerate(outputs):
        count, columns = rows_of(output).shape
        by_rows.setdefault(count, {}).setdefault(columns, []).append(number)
    grids = []
    for count, kinds in sorted(by_rows.items(), reverse=True):
        if set(kinds) == {1, _BOX}:
            raise ModelError(
                "it has no five points, which crops are aligned by: get the model with key points"
            )
        if set(kinds) != {1, _BOX, _POINTS} or len(kinds[_BOX]) != 1 or len(kinds[_POINTS]) != 1:
            raise ModelError(f"its outputs do not go together: {_WANTED}")
        stride, anchors = _spacing(count, width, height)
        [boxes], [points] = kinds[_BOX], kinds[_POINTS]
        grids.append(Grid(stride, anchors, tuple(kinds[1]), boxes, points))
    counts = {len(grid.scores) for grid in grids}
    family = next((each for each in FAMILIES if counts == {each.scores}), None)
    if family is None:
        raise ModelError(f"it has {sorted(counts)} scores for each answer, but {_WANTED}")
    return Grids(family, tuple(grids))


def cells_of(grid: Grid, width: int, height: int) -> NDArray[np.float32]:
    """Column and row of each answer, float32 ``(n, 2)``, in the order of the outputs."""
    columns, rows = width // grid.stride, height // grid.stride
    cells = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2)
    return np.repeat(cells, grid.anchors, axis=0).astype(np.float32)


def _spacing(count: int, width: int, height: int) -> tuple[int, int]:
    """Stride and answers of each cell, of a grid with so many answers."""
    fitting = [
        (stride, anchors)
        for stride in _STRIDES
        for anchors in _ANCHORS
        if width % stride == height % stride == 0
        and (width // stride) * (height // stride) * anchors == count
    ]
    if len(fitting) != 1:
        raise ModelError(
            f"it gives {count:,} answers for {width} x {height} pixels, which fits no grid"
        )
    return fitting[0]
