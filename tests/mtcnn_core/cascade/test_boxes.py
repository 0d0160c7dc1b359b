"""Box arithmetic, by numbers written down and by brute force."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from mtcnn_core.cascade.boxes import (
    iou,
    nms,
    nms_minimum,
    overlapping,
    points,
    regress,
    scale,
    square,
    visible,
)

Floats = NDArray[np.float32]
Suppression = Callable[[Floats, Floats, float], NDArray[np.intp]]


def _boxes(*rows: tuple[float, float, float, float]) -> Floats:
    return np.array(rows, np.float32).reshape(-1, 4)


def _scores(*values: float) -> Floats:
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    ("box", "offsets", "expected"),
    [
        ((0, 0, 10, 20), (0, 0, 0, 0), (0, 0, 10, 20)),
        ((0, 0, 10, 20), (0.1, 0.1, 0.1, 0.1), (1, 2, 11, 22)),
        ((5, 5, 15, 25), (-0.5, 0.25, 0.5, -0.25), (0, 10, 20, 20)),
        ((-10, -10, -5, -5), (0.2, 0, 0, 1), (-9, -10, -5, 0)),
    ],
)
def test_regress(
    box: tuple[float, float, float, float],
    offsets: tuple[float, float, float, float],
    expected: tuple[float, float, float, float],
) -> None:
    np.testing.assert_allclose(
        regress(_boxes(box), _boxes(offsets)), _boxes(expected), rtol=0, atol=1e-5
    )


def test_points_are_fractions_of_their_squares() -> None:
    fractions = np.array([[0, 0.25, 0.5, 0.75, 1, 1, 0.5, 0, -0.5, 2]] * 2, np.float32)
    placed = points(_boxes((0, 0, 1, 1), (100, 200, 140, 240)), fractions)
    expected = [[0, 1], [0.25, 0.5], [0.5, 0], [0.75, -0.5], [1, 2]]
    np.testing.assert_allclose(placed[0], expected)
    np.testing.assert_allclose(
        placed[1], [[100, 240], [110, 220], [120, 200], [130, 180], [140, 280]]
    )


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10)),
        ((0, 0, 10, 20), (-5, 0, 15, 20)),
        ((0, 0, 20, 10), (0, -5, 20, 15)),
        ((1, 2, 2, 5), (0, 2, 3, 5)),
    ],
)
def test_square(
    box: tuple[float, float, float, float], expected: tuple[float, float, float, float]
) -> None:
    np.testing.assert_array_equal(square(_boxes(box)), _boxes(expected))


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0, 0, 10, 10), True),
        ((-5, -5, 0.1, 0.1), True),
        ((99.9, 49.9, 200, 200), True),
        ((-50, -50, 500, 500), True),
        ((-5, 0, 0, 10), False),
        ((0, -5, 10, 0), False),
        ((100, 0, 110, 10), False),
        ((0, 50, 10, 60), False),
        ((10, 10, 10, 20), False),
        ((20, 10, 10, 20), False),
    ],
)
def test_visible_in_100_by_50(box: tuple[float, float, float, float], expected: bool) -> None:
    assert visible(_boxes(box), 100, 50).tolist() == [expected]


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [(0.0, [1]), (0.3, [1]), (0.4, [1, 0]), (0.9, [1, 0])],
)
def test_nms_of_two_boxes_that_share_a_third(threshold: float, expected: list[int]) -> None:
    boxes = _boxes((0, 0, 10, 10), (5, 0, 15, 10))
    assert nms(boxes, _scores(0.7, 0.9), threshold).tolist() == expected


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [(0.2, [1]), (0.4, [1]), (0.6, [1, 0])],
)
def test_nms_minimum_of_two_boxes_that_share_half_of_the_smaller(
    threshold: float, expected: list[int]
) -> None:
    boxes = _boxes((0, 0, 10, 10), (5, 0, 25, 10))
    assert nms_minimum(boxes, _scores(0.7, 0.9), threshold).tolist() == expected


def test_an_overlap_equal_to_the_threshold_stays() -> None:
    # Two P-Net cells two strides apart share 8 * 12 of 192: exactly half.
    assert nms(_boxes((0, 0, 12, 12), (4, 0, 16, 12)), _scores(0.9, 0.8), 0.5).tolist() == [0, 1]
    boxes = _boxes((0, 0, 12, 12), (6, 0, 18, 12))
    assert nms_minimum(boxes, _scores(0.9, 0.8), 0.5).tolist() == [0, 1]


def test_only_nms_minimum_removes_a_box_inside_another() -> None:
    boxes = _boxes((0, 0, 100, 100), (40, 40, 50, 50))
    assert nms(boxes, _scores(0.9, 0.8), 0.7).tolist() == [0, 1]
    assert nms_minimum(boxes, _scores(0.9, 0.8), 0.7).tolist() == [0]


def test_a_box_that_went_removes_none() -> None:
    # Each shares 0.6 with the next, but the first and the last only a third.
    boxes = _boxes((0, 0, 8, 8), (2, 0, 10, 8), (4, 0, 12, 8))
    assert nms(boxes, _scores(0.9, 0.8, 0.7), 0.5).tolist() == [0, 2]


@pytest.mark.parametrize("suppress", [nms, nms_minimum])
def test_equal_scores_stay_in_their_order(suppress: Suppression) -> None:
    apart = _boxes(*((100 * i, 0, 100 * i + 10, 10) for i in range(40)))
    assert suppress(apart, np.full(40, 0.5, np.float32), 0.5).tolist() == list(range(40))
    alike = _boxes(*[(0, 0, 10, 10)] * 40)
    assert suppress(alike, np.full(40, 0.5, np.float32), 0.5).tolist() == [0]


@pytest.mark.parametrize("suppress", [nms, nms_minimum])
def test_no_boxes(suppress: Suppression) -> None:
    kept = suppress(np.empty((0, 4), np.float32), np.empty(0, np.float32), 0.5)
    assert kept.shape == (0,)
    assert np.empty((0, 4))[kept].shape == (0, 4)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
@pytest.mark.parametrize(("suppress", "smaller"), [(nms, False), (nms_minimum, True)])
def test_nms_against_brute_force(
    suppress: Suppression, smaller: bool, threshold: float, rng: np.random.Generator
) -> None:
    boxes, overlaps = _random_boxes(rng, 300, threshold, smaller)
    scores = (rng.integers(1, 33, 300) / 32).astype(np.float32)  # many are equal
    kept: list[int] = []
    for i in sorted(range(300), key=lambda i: (-scores[i], i)):
        if all(overlaps[i, k] <= threshold for k in kept):
            kept.append(i)
    assert suppress(boxes, scores, threshold).tolist() == kept


def test_nms_of_more_boxes_than_16_bits_count(rng: np.random.Generator) -> None:
    # 500 places far apart with 100 boxes each; the best of each place is known.
    place = rng.permutation(np.repeat(np.arange(500), 100))
    corner = np.stack([place % 25, place // 25], axis=1) * 1000 + rng.uniform(0, 5, (50_000, 2))
    boxes = np.concatenate([corner, corner + 100], axis=1).astype(np.float32)
    scores = (rng.permutation(np.arange(1, 50_001)) / 50_000).astype(np.float32)
    best = np.array([np.flatnonzero(place == p)[scores[place == p].argmax()] for p in range(500)])
    assert best.max() > 40_000
    assert nms(boxes, scores, 0.5).tolist() == best[np.argsort(-scores[best])].tolist()


def _random_boxes(
    rng: np.random.Generator, count: int, threshold: float, smaller: bool
) -> tuple[Floats, NDArray[np.float64]]:
    """Boxes of which no two overlap so nearly by the threshold that rounding decides."""
    while True:
        corner = rng.uniform(0, 100, (count, 2))
        boxes = np.concatenate([corner, corner + rng.uniform(10, 60, (count, 2))], axis=1)
        boxes = boxes.astype(np.float32)
        overlaps = np.array([[_overlap(a, b, smaller) for a in boxes] for b in boxes])
        if np.abs(overlaps - threshold).min() > 1e-6:
            return boxes, overlaps


def _overlap(a: Floats, b: Floats, smaller: bool) -> float:
    ax1, ay1, ax2, ay2 = (float(v) for v in a)
    bx1, by1, bx2, by2 = (float(v) for v in b)
    shared = max(min(ax2, bx2) - max(ax1, bx1), 0) * max(min(ay2, by2) - max(ay1, by1), 0)
    area_a, area_b = (ax2 - ax1) * (ay2 - ay1), (bx2 - bx1) * (by2 - by1)
    return shared / (min(area_a, area_b) if smaller else area_a + area_b - shared)


def test_iou_by_hand() -> None:
    boxes = _boxes((0, 0, 10, 10), (5, 5, 5, 9))
    others = _boxes(
        (0, 0, 10, 10), (5, 0, 15, 10), (0, 0, 10, 4), (20, 20, 30, 30), (10, 0, 20, 10)
    )
    expected = [[1, 1 / 3, 0.4, 0, 0], [0, 0, 0, 0, 0]]
    np.testing.assert_allclose(iou(boxes, others), expected, rtol=1e-6)


def test_more_boxes_than_are_compared_at_once_overlap_as_few_do(rng: np.random.Generator) -> None:
    low = rng.uniform(0, 100, (600, 2))
    boxes = np.concatenate([low, low + rng.uniform(1, 40, (600, 2))], axis=1).astype(np.float32)
    shared = overlapping(boxes, boxes[:70], 0.3)
    np.testing.assert_array_equal(shared, iou(boxes, boxes[:70]) > 0.3)
    assert 70 < shared.sum() < 600 * 70 / 2


def test_scale_keeps_the_centre() -> None:
    boxes = scale(_boxes((0, 10, 10, 30)), 0.5)
    np.testing.assert_allclose(boxes, _boxes((2.5, 15, 7.5, 25)), rtol=1e-6)
