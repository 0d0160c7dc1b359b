"""Overlapping candidates become one face."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from mtcnn_core.cascade.candidates import Candidates
from mtcnn_core.cascade.pooling import Pooled, strongest, supported

# Intersection over union with the first: 1, 0.6, 0.4 (of a box within it: over the smaller 1), 0.
FACE = [0.0, 0, 10, 10]
NEAR = [0.0, 0, 10, 6]
PART = [0.0, 0, 10, 4]
FAR = [50.0, 50, 60, 60]


def candidates(boxes: list[list[float]], logits: list[float]) -> Candidates:
    views = np.arange(len(boxes))
    return Candidates(np.array(boxes, np.float32), np.array(logits, np.float32), views)


def sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def test_the_strongest_box_stays_as_it_is() -> None:
    boxes, scores, _ = strongest(candidates([NEAR, FACE, FAR], [1, 2, 0]), 0.7, views=1)
    np.testing.assert_array_equal(boxes, [FACE, FAR])
    np.testing.assert_allclose(scores, [sigmoid(2), 0.5], rtol=1e-6)


def test_the_strongest_removes_a_box_inside_it() -> None:
    boxes, *_ = strongest(candidates([FACE, PART], [2, 1]), 0.7, views=1)
    assert len(boxes) == 1


def test_supported_boxes_are_means_of_those_that_overlap_by_half() -> None:
    # PART overlaps FACE by 0.4; probabilities 3/4 and 1/2.
    found = candidates([FACE, NEAR, FAR, PART], [math.log(3), 0, -3, -3])
    boxes, *_ = supported(found, 0.3, views=2)
    mean = (0.75 * np.array(FACE) + 0.5 * np.array(NEAR)) / 1.25
    np.testing.assert_allclose(boxes, [mean, FAR], rtol=1e-6)


def test_score_by_hand() -> None:
    # One candidate of probability 1/2 in two views: logit 0, support 1/2.
    _, scores, _ = supported(candidates([FACE], [0]), 0.4, views=2)
    assert scores[0] == pytest.approx(sigmoid(0.57 * (3 * math.log(1.5) - 7.6)), rel=1e-5)


def test_support_is_for_two_views() -> None:
    _, four, _ = supported(candidates([FACE] * 4, [1] * 4), 0.4, views=4)
    _, two, _ = supported(candidates([FACE] * 2, [1] * 2), 0.4, views=2)
    np.testing.assert_allclose(four, two, rtol=1e-6)


def test_the_better_supported_face_comes_first() -> None:
    found = candidates([FAR, FACE, FACE, FACE], [2.2, 2, 2, 2])
    boxes, scores, _ = supported(found, 0.4, views=2)
    np.testing.assert_allclose(boxes, [FACE, FAR], rtol=1e-6)
    assert scores[0] > scores[1]


def test_supported_takes_the_union() -> None:
    # 0.4 of the union: not more than the limit, though it lies inside.
    assert len(supported(candidates([FACE, PART], [2, 1]), 0.4, views=2).boxes) == 2
    assert len(supported(candidates([FACE, PART], [2, 1]), 0.39, views=2).boxes) == 1


@pytest.mark.parametrize("pool", [strongest, supported])
def test_the_view_of_the_strongest_candidate_stays(pool: Callable[..., Pooled]) -> None:
    pooled = pool(candidates([FAR, NEAR, FACE], [0, 1, 2]), 0.4, views=2)
    assert pooled.views[0] == 2
