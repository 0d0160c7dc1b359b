"""Suppression on P-Net's grid, by numbers written down and by brute force."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from mtcnn_core.cascade.cell_nms import nms_cells

Cells = list[tuple[int, int]]


def _kept(cells: Cells, scores: list[float], threshold: float = 0.5) -> list[int]:
    rows, columns = np.array(cells, np.intp).reshape(-1, 2).T
    kept: list[int] = nms_cells(rows, columns, np.array(scores, np.float32), threshold).tolist()
    return kept


def _row(count: int) -> Cells:
    return [(0, column) for column in range(count)]


@pytest.mark.parametrize(
    ("other", "stays"),
    [((0, 1), False), ((1, 0), False), ((1, 1), False), ((0, 2), True), ((2, 0), True)],
    ids=str,
)
def test_neighbours_overlap_by_more_than_a_half(other: tuple[int, int], stays: bool) -> None:
    # One step apart cells share 10 * 12 of 168, diagonally 100 of 188, two steps apart exactly
    # half: 8 * 12 of 192.
    assert _kept([(0, 0), other], [0.9, 0.8]) == ([0, 1] if stays else [0])


def test_the_better_one_stays_wherever_it_is() -> None:
    assert _kept([(3, 4), (3, 5)], [0.9, 0.8]) == [0]
    assert _kept([(3, 4), (3, 5)], [0.8, 0.9]) == [1]
    assert _kept([(3, 5), (4, 4)], [-3.0, -2.0]) == [1]


def test_a_cell_that_went_removes_none() -> None:
    assert _kept(_row(5), [5, 4, 3, 2, 1]) == [0, 2, 4]
    assert _kept(_row(6), [1, 2, 3, 4, 5, 6]) == [1, 3, 5]


def test_the_first_of_equals_stays() -> None:
    assert _kept(_row(6), [0.7] * 6) == [0, 2, 4]
    square = [(row, column) for row in range(4) for column in range(4)]
    assert _kept(square, [0.7] * 16) == [0, 2, 8, 10]


def test_the_end_of_a_row_is_far_from_the_begin_of_the_next() -> None:
    cells = [(0, 0), (0, 7), (1, 0), (1, 7), (2, 0)]
    assert _kept(cells, [1, 5, 2, 4, 3], 0.0) == [1, 4]


@pytest.mark.parametrize(("threshold", "expected"), [(0.0, [1]), (0.99, [0, 1, 2])])
def test_thresholds_at_the_ends(threshold: float, expected: list[int]) -> None:
    assert _kept([(0, 0), (5, 5), (9, 9)], [1, 3, 2], threshold) == expected


def test_no_cells() -> None:
    assert _kept([], []) == []


@pytest.mark.parametrize("different", [3, 1000])
@pytest.mark.parametrize("threshold", [0.0, 0.05, 0.2, 0.3, 0.5, 0.7, 0.8, 1.0])
def test_against_brute_force(threshold: float, different: int, rng: np.random.Generator) -> None:
    for filled in (0.1, 0.5, 1.0):
        rows, columns = np.nonzero(rng.random((13, 17)) < filled)
        scores = (rng.integers(0, different, len(rows)) / 7 - 1).astype(np.float32)
        kept = nms_cells(rows, columns, scores, threshold).tolist()
        assert kept == _greedy(rows, columns, scores, threshold)


def _greedy(
    rows: NDArray[np.intp], columns: NDArray[np.intp], scores: NDArray[np.float32], threshold: float
) -> list[int]:
    kept: list[int] = []
    for i in sorted(range(len(rows)), key=lambda i: (-scores[i], i)):
        steps = [(abs(int(rows[i] - rows[k])), abs(int(columns[i] - columns[k]))) for k in kept]
        if all(_overlap(*step) <= Fraction(str(threshold)) for step in steps):
            kept.append(i)
    return sorted(kept)


def _overlap(rows: int, columns: int) -> Fraction:
    shared = max(12 - 2 * rows, 0) * max(12 - 2 * columns, 0)
    return Fraction(shared, 2 * 144 - shared)


def test_a_slope_too_long_to_go_down_step_by_step() -> None:
    assert _kept(_row(1001), list(range(1001))) == list(range(0, 1001, 2))
