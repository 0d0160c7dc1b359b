"""Which of P-Net's answers have company, by small grids drawn by hand and by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mtcnn_core.cascade.neighbours import Answers, have_neighbours

FACTOR = 0.7
Grid = NDArray[np.bool_]
Cell = tuple[int, int, int]  # level, row, column


def _levels(*shapes: tuple[int, int]) -> list[Answers]:
    """Empty ones, each with `FACTOR` of the scale of the one before."""
    return [
        Answers(np.zeros(shape, np.bool_), (0.6 * FACTOR**level, 0.6 * FACTOR**level))
        for level, shape in enumerate(shapes)
    ]


def _enough(levels: list[Answers], *cells: Cell, least: int = 2) -> list[bool]:
    level, rows, columns = np.array(cells, np.intp).reshape(-1, 3).T
    found: list[bool] = have_neighbours(levels, level, rows, columns, least, FACTOR).tolist()
    return found


def _passed(levels: list[Answers], *cells: Cell) -> list[Answers]:
    for level, row, column in cells:
        levels[level].passed[row, column] = True
    return levels


@pytest.mark.parametrize(
    ("other", "near"),
    [((0, 20, 22), True), ((0, 22, 18), True), ((0, 20, 23), False), ((0, 17, 20), False)],
    ids=str,
)
def test_two_steps_away_is_near(other: Cell, near: bool) -> None:
    levels = _passed(_levels((40, 40)), (0, 20, 20), other)
    assert _enough(levels, (0, 20, 20)) == [near]


@pytest.mark.parametrize(
    ("cell", "other", "near"),
    [
        # The centre of cell 20 lies 23 steps from the border; on the next level 16.1, which is
        # nearest to cell 13. Cell 13 there is nearest to 20 here: 16 / 0.7 - 3 = 19.9.
        ((0, 20, 20), (1, 15, 11), True),
        ((0, 20, 20), (1, 16, 13), False),
        ((1, 13, 13), (0, 23, 17), True),
        ((1, 13, 13), (0, 24, 20), False),
        ((2, 8, 8), (0, 20, 20), False),
    ],
    ids=str,
)
def test_neighbouring_levels_count(cell: Cell, other: Cell, near: bool) -> None:
    levels = _passed(_levels((40, 40), (27, 27), (18, 18)), cell, other)
    assert _enough(levels, cell) == [near]


def test_so_many_are_enough_itself_included() -> None:
    levels = _passed(_levels((40, 40), (27, 27)), (0, 20, 20), (0, 20, 21), (1, 13, 13))
    assert _enough(levels, (0, 20, 20), least=3) == [True]
    assert _enough(levels, (0, 20, 20), least=4) == [False]


def test_each_cell_is_told_of_its_own() -> None:
    levels = _passed(_levels((40, 40), (27, 27)), (0, 5, 5), (0, 5, 6), (0, 30, 30), (1, 20, 3))
    assert _enough(levels, (0, 5, 5), (0, 30, 30), (1, 20, 3)) == [True, False, False]


def test_a_tenth_is_enough_where_there_is_little_room() -> None:
    # A photo of four cells has room for four; in the corner of a large one there are nine.
    assert _enough(_passed(_levels((2, 2)), (0, 0, 0)), (0, 0, 0), least=5) == [True]
    corner = _passed(_levels((40, 40)), (0, 0, 0))
    assert _enough(corner, (0, 0, 0), least=5) == [True]
    edge = _passed(_levels((40, 40)), (0, 0, 20))  # 15 cells
    assert _enough(edge, (0, 0, 20), least=5) == [False]


def test_nothing_asked_nothing_told() -> None:
    assert _enough(_levels((40, 40))) == []


@pytest.mark.parametrize("seed", range(20))
def test_random_answers_by_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    print("seed", seed)
    factor = float(rng.uniform(0.1, 0.95))
    levels = []
    size = rng.integers(30, 60, 2)
    for index in range(4):
        rows, columns = np.maximum(1, np.rint(size * factor**index)).astype(int)
        scale = (0.6 * factor**index, 0.61 * factor**index)
        levels.append(Answers(rng.random((rows, columns)) < 0.1, scale))
    cells = [(i, *place) for i, each in enumerate(levels) for place in np.argwhere(each.passed)]
    found = have_neighbours(levels, *np.array(cells).T, 4, factor)
    assert found.tolist() == [_slowly(levels, cell, 4, factor) for cell in cells]


def _slowly(levels: list[Answers], cell: Cell, least: int, factor: float) -> bool:
    own, *place = cell
    count = room = 0
    for other in {own - 1, own, own + 1} & set(range(len(levels))):
        reach = int(2.5 / factor) if other < own else 2
        there = []
        for at, axis in zip(place, (1, 0), strict=True):  # scales are x, y
            ratio = levels[other].scale[axis] / levels[own].scale[axis]
            last = levels[other].passed.shape[1 - axis] - 1
            there.append(min(max(round((at + 3) * ratio - 3), 0), last))
        for (row, column), passed in np.ndenumerate(levels[other].passed):
            if max(abs(row - there[0]), abs(column - there[1])) <= reach:
                count += int(passed)
                room += 1
    return 10 * count >= min(10 * least, room)
