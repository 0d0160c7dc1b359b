"""Recall and precision of all detections."""

import math

import numpy as np
import pytest

from mtcnn_core.evaluation.operating_point import operating_point
from mtcnn_core.evaluation.wider_face import Annotation, Detections, count

FACES = np.array([[0.0, 0, 10, 10], [100, 0, 110, 10], [200, 0, 210, 10]])
NOWHERE = np.array([[50.0, 50, 60, 60]])


def test_by_hand() -> None:
    # Of two faces that count one is found, twice; the third is ignored; one detection is nothing.
    truth = {"a": Annotation(FACES, {"easy": np.array([0, 1])})}
    boxes = np.concatenate([FACES[[0]], FACES[[0]], FACES[[2]], NOWHERE])
    found = {"a": Detections(boxes, np.array([0.2, 0.1, 0.3, 0.9]))}
    point = operating_point(count(truth, found, "easy"))
    assert (point.faces, point.hits, point.proposals) == (2, 1, 3)
    assert point.recall == pytest.approx(1 / 2)
    assert point.precision == pytest.approx(1 / 3)


def test_shares_of_nothing_are_nan() -> None:
    point = operating_point(count({"a": Annotation(FACES, {"easy": np.arange(0)})}, {}, "easy"))
    assert math.isnan(point.recall)
    assert math.isnan(point.precision)
