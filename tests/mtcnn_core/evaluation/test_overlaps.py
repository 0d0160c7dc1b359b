"""Overlaps of boxes."""

import numpy as np
import pytest

from mtcnn_core.evaluation.overlaps import corners, covered, iou

BOX = np.array([[0.0, 0, 10, 10]])


def test_corners_of_width_and_height() -> None:
    np.testing.assert_array_equal(corners(np.array([[1.0, 2, 3, 4]])), [[1, 2, 4, 6]])


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ([0.0, 0, 10, 10], 1.0),
        ([5.0, 0, 15, 10], 50 / 150),
        ([10.0, 0, 20, 10], 0.0),
        ([2.0, 2, 4, 4], 4 / 100),
    ],
)
def test_intersection_over_union(other: list[float], expected: float) -> None:
    assert iou(BOX, np.array([other]))[0, 0] == pytest.approx(expected)


def test_an_edge_is_added_to_every_side() -> None:
    other = np.array([[10.0, 0, 20, 10]])
    assert iou(BOX, other, edge=1.0)[0, 0] == pytest.approx(11 / (121 + 121 - 11))


def test_boxes_without_an_area_overlap_nothing() -> None:
    point = np.array([[5.0, 5, 5, 5]])
    assert iou(point, point)[0, 0] == 0
    assert covered(point, BOX)[0, 0] == 0


def test_covered_is_the_share_of_the_first_box() -> None:
    small = np.array([[5.0, 0, 15, 1]])
    assert covered(small, BOX)[0, 0] == pytest.approx(0.5)
    assert covered(BOX, small)[0, 0] == pytest.approx(0.05)


def test_none_with_some_has_the_shape_of_both() -> None:
    none = np.empty((0, 4))
    assert iou(none, BOX).shape == (0, 1)
    assert covered(BOX, none).shape == (1, 0)
