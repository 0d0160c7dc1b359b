"""Which faces were missed, which detections are none, and in what order."""

import numpy as np
import pytest

from mtcnn_core.evaluation.mistakes import Mistake, false_alarms, misses
from mtcnn_core.evaluation.wider_face import Annotation, Detections

FACES = np.array([[0.0, 0, 10, 10], [100, 0, 130, 30], [200, 0, 220, 20]])


def test_misses_come_by_subset_and_then_by_size() -> None:
    truth = {
        "a": Annotation(FACES, {"easy": np.array([0]), "hard": np.array([0, 1, 2])}),
        "b": Annotation(FACES, {"easy": np.array([2]), "hard": np.array([2])}),
    }
    listed = misses(truth, {}, "hard")
    places = [(miss.photo, miss.box[0]) for miss in listed]
    assert places == [("b", 200.0), ("a", 0.0), ("a", 100.0), ("a", 200.0)]
    assert listed[0] == Mistake("b", (200.0, 0.0, 220.0, 20.0), None, 0.0)


def test_a_face_that_is_found_is_not_missed_nor_one_that_does_not_count() -> None:
    truth = {"a": Annotation(FACES, {"easy": np.array([0, 1])})}
    found = {"a": Detections(FACES[:1], np.array([0.1]))}
    assert [miss.box[0] for miss in misses(truth, found, "easy")] == [100.0]


def test_a_miss_knows_how_near_a_detection_came() -> None:
    truth = {"a": Annotation(FACES[:1], {"easy": np.array([0])})}
    found = {"a": Detections(np.array([[0.0, 0, 10, 4]]), np.array([0.9]))}
    assert misses(truth, found, "easy")[0].overlap == pytest.approx(5 / 11)


def test_false_alarms_come_by_score_and_ignored_faces_are_none() -> None:
    truth = {"a": Annotation(FACES, {"easy": np.arange(0)}), "b": Annotation(np.empty((0, 4)), {})}
    nowhere = np.array([50.0, 50, 60, 60])
    found = {
        "a": Detections(np.stack([FACES[0], nowhere]), np.array([0.99, 0.5])),
        "b": Detections(nowhere[None], np.array([0.8])),
        "unknown": Detections(nowhere[None], np.array([1.0])),
    }
    box = (50.0, 50.0, 60.0, 60.0)
    assert false_alarms(truth, found) == [Mistake("b", box, 0.8, 0.0), Mistake("a", box, 0.5, 0.0)]
