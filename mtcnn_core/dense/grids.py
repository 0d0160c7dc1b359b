"""Which outputs of a network are of which grid, found out from their shapes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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
        is_rounded_up: Whether a last cell is there where the image does not fill it.
        scores: Numbers of the outputs with scores.
        boxes: Number of that with boxes.
        points: Number of that with points.
    """

    stride: int
    anchors: int
    is_rounded_up: bool
    scores: tuple[int, ...]
    boxes: int
    points: int


@dataclass(frozen=True)
class Grids:
    """All grids of a network.

    Attributes:
        family: What its numbers mean.
        grids: The grids, the finest first.
        are_logits: Whether scores are logits, since the graph ends before the sigmoid.
    """

    family: Family
    grids: tuple[Grid, ...]
    are_logits: bool

    @property
    def multiple(self) -> int:
        """What sides of images are a multiple of, so that cells fill them."""
        return max(grid.stride for grid in self.grids)


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
        outputs: What the network has given for black, where no face is: logits are negative there.
        width: Width in pixels of what it has seen.
        height: Its height.

    Raises:
        ModelError: It is no network of these families, or has no five points.
    """
    by_rows: dict[int, dict[int, list[int]]] = {}
    for number, output in enumerate(outputs):
        count, columns = rows_of(output).shape
        by_rows.setdefault(count, {}).setdefault(columns, []).append(number)
    for kinds in by_rows.values():
        _check(kinds)
    grids = []
    for count, spacing in _spacings(sorted(by_rows, reverse=True), width, height).items():
        kinds = by_rows[count]
        grids.append(Grid(*spacing, tuple(kinds[1]), kinds[_BOX][0], kinds[_POINTS][0]))
    counts = {len(grid.scores) for grid in grids}
    family = next((each for each in FAMILIES if counts == {each.scores}), None)
    if family is None:
        raise ModelError(f"it has {sorted(counts)} scores for each answer, but {_WANTED}")
    scores = [rows_of(outputs[number]) for grid in grids for number in grid.scores]
    are_logits = any(np.any((each < 0) | (each > 1)) for each in scores)
    return Grids(family, tuple(grids), are_logits)


def cells_of(grid: Grid, width: int, height: int) -> NDArray[np.float32]:
    """Column and row of each answer, float32 ``(n, 2)``, in the order of the outputs."""
    columns, rows = _sides((width, height), grid.stride, grid.is_rounded_up)
    cells = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2)
    return np.repeat(cells, grid.anchors, axis=0).astype(np.float32)


def _check(kinds: Mapping[int, Sequence[int]]) -> None:
    """Checks that the outputs of a grid, by their columns, go together."""
    if set(kinds) == {1, _BOX}:
        raise ModelError(
            "it has no five points, which crops are aligned by: get the model with key points"
        )
    if set(kinds) != {1, _BOX, _POINTS} or len(kinds[_BOX]) != 1 or len(kinds[_POINTS]) != 1:
        raise ModelError(f"its outputs do not go together: {_WANTED}")


def _spacings(
    counts: Sequence[int], width: int, height: int
) -> Mapping[int, tuple[int, int, bool]]:
    """Answers of a grid -> its stride, answers of each cell, and rounding: alike in all grids."""
    fitting = []
    for anchors in _ANCHORS:
        for is_rounded_up in (False, True):
            strides = {
                math.prod(_sides((width, height), stride, is_rounded_up)) * anchors: stride
                for stride in reversed(_STRIDES)
            }
            if strides.keys() >= set(counts):
                found = {count: (strides[count], anchors, is_rounded_up) for count in counts}
                fitting.append(found)
    # Where cells fill the image, rounding is without effect.
    if len({tuple(each[:2] for each in found.values()) for found in fitting}) != 1:
        raise ModelError(
            f"it gives {' + '.join(map(str, counts))} answers for {width} x {height} pixels, which "
            "fit no grids of cells: get it for images of another size"
        )
    return fitting[0]


def _sides(size: tuple[int, int], stride: int, is_rounded_up: bool) -> tuple[int, int]:
    """Columns and rows of a grid on an image of a width and height."""
    width, height = (-(-side // stride) if is_rounded_up else side // stride for side in size)
    return width, height
