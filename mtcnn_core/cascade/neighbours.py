"""How many answers of P-Net lie about each of them: a face has many, a chance hit stands alone.

Viola and Jones's detector is told so after its last stage (OpenCV's ``minNeighbors``). Here it is
asked before R-Net: of the proposals on 73 photos of WIDER FACE, the 40 in 100 with the fewest
answers about them are 4 in 100 of those that R-Net takes for faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.cascade.cell_nms import Indices

# Two cells are neighbours if their centres are no further apart than so many steps of the larger
# one's level, in x and in y: 5 / 12 of its side.
_REACH = 2.5
# Near the borders and in small photos there is no room for many: one in so many is enough.
_ONE_IN = 10
_TO_CENTRE = 3  # steps from a cell's begin


class Answers(NamedTuple):
    """P-Net's answers on one level.

    Attributes:
        passed: bool ``(rows, columns)``: the cells that may hold a face.
        scale: ``(x, y)`` of the level.
    """

    passed: NDArray[np.bool_]
    scale: tuple[float, float]


def have_neighbours(
    levels: Sequence[Answers],
    level: Indices,
    rows: Indices,
    columns: Indices,
    least: int,
    factor: float,
) -> NDArray[np.bool_]:
    """Tells which cells have enough others about them that passed, in the three nearest levels.

    Args:
        levels: Answers of all levels, by falling scale.
        level: ``(n,)`` number of the level of each cell that is asked about.
        rows: ``(n,)`` row of each cell in its level.
        columns: ``(n,)`` column of each cell in its level.
        least: How many cells have to have passed, the one asked about included; or a tenth of
            those that there are, if that is less.
        factor: Ratio of the scales of neighbouring levels.

    Returns:
        bool ``(n,)``.
    """
    near, far = int(_REACH), int(_REACH / factor)
    grid, tops = _stacked([each.passed for each in levels], far)
    shapes = np.array([each.passed.shape for each in levels])
    scales = np.array([each.scale[::-1] for each in levels])
    centres = np.stack([rows, columns], axis=1) + _TO_CENTRE
    count, room = np.zeros((2, len(level)), np.intp)
    for step, reach in ((-1, far), (0, near), (1, near)):
        asked = np.flatnonzero((level + step >= 0) & (level + step < len(levels)))
        own, other = level[asked], level[asked] + step
        ends = shapes[other] - 1
        there = np.rint(centres[asked] * (scales[other] / scales[own])).astype(np.intp)
        there = np.clip(there - _TO_CENTRE, 0, ends)
        places = (tops[other] + there[:, 0]) * grid.shape[1] + there[:, 1] + far
        steps = np.arange(-reach, reach + 1)
        around = (steps[:, None] * grid.shape[1] + steps).ravel()
        # Sums of a few cells each: 0.2 ms a photo; one at a time and with `boxFilter` it was 1.9.
        count[asked] += np.count_nonzero(grid.ravel()[around[:, None] + places], axis=0)
        room[asked] += (np.minimum(there + reach, ends) - np.maximum(there - reach, 0) + 1).prod(
            axis=1
        )
    enough: NDArray[np.bool_] = _ONE_IN * count >= np.minimum(_ONE_IN * least, room)
    return enough


def _stacked(grids: Sequence[NDArray[np.bool_]], margin: int) -> tuple[NDArray[np.bool_], Indices]:
    """Grids one below the other with empty space about each, and the row where each begins."""
    heights = [len(grid) + margin for grid in grids]
    tops = margin + np.cumsum([0, *heights[:-1]])
    width = max(grid.shape[1] for grid in grids) + 2 * margin
    stack = np.zeros((margin + sum(heights), width), np.bool_)
    for top, grid in zip(tops, grids, strict=True):
        stack[top : top + len(grid), margin : margin + grid.shape[1]] = grid
    return stack, tops
