"""Annotations and detections: what belongs together, and what does not."""

from collections.abc import Callable

import numpy as np
import pytest

from mtcnn_core.evaluation.annotations import Annotation, Detections, subsets

BOXES = np.array([[0.0, 0, 10, 10], [20, 0, 30, 10]])
NO_INDICES = np.empty(0, np.intp)


def test_no_face_is_invalid_unless_said() -> None:
    assert Annotation(BOXES, {}).invalid.tolist() == [False, False]


def test_counted_faces_as_a_mask() -> None:
    annotation = Annotation(BOXES, {"easy": np.array([1])})
    assert annotation.is_counted("easy").tolist() == [False, True]


def test_best_first_keeps_equal_scores_in_order() -> None:
    detections = Detections(np.arange(12.0).reshape(3, 4), np.array([0.5, 0.9, 0.5]))
    assert detections.best_first().boxes[:, 0].tolist() == [4, 0, 8]


def test_subsets_are_those_of_every_photo() -> None:
    truth = {
        "a": Annotation(BOXES, {"easy": NO_INDICES, "hard": NO_INDICES}),
        "b": Annotation(BOXES, {"hard": NO_INDICES}),
    }
    assert subsets(truth) == ("hard",)
    assert subsets({}) == ()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Annotation(np.zeros((2, 3)), {}), "shape"),
        (lambda: Annotation(np.full((1, 4), np.nan), {}), "finite"),
        (lambda: Annotation(BOXES, {"easy": np.array([2])}), "not there"),
        (lambda: Annotation(BOXES, {"easy": np.array([-1])}), "not there"),
        (lambda: Annotation(BOXES, {"easy": np.array([1, 1])}), "twice"),
        (lambda: Annotation(BOXES, {}, np.array([True])), "invalid"),
        (lambda: Detections(BOXES, np.array([1.0])), "scores"),
        (lambda: Detections(BOXES, np.array([1.0, np.inf])), "finite"),
    ],
)
def test_what_does_not_belong_together_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
