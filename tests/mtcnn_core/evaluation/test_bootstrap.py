"""Intervals over resampled photos."""

import numpy as np
import pytest

from mtcnn_core.evaluation.bootstrap import interval
from mtcnn_core.evaluation.wider_face import Annotation, Counts, Detections, count

FACE = np.array([[0.0, 0, 10, 10]])
EASY = {"easy": np.array([0])}


def half_found(photos: int) -> Counts:
    """Every second face is found, and nothing else: the average precision is the recall."""
    truth = {str(i): Annotation(FACE, EASY) for i in range(photos)}
    found = {str(i): Detections(FACE, np.array([0.5])) for i in range(0, photos, 2)}
    return count(truth, found, "easy")


def test_reaches_as_far_as_the_binomial_does() -> None:
    # The recall of 100 drawn faces, half of them found: 0.5 +- 1.96 * sqrt(.25 / 100).
    drawn = interval(half_found(100), resamples=4000)
    assert drawn.low == pytest.approx(0.5 - 0.098, abs=0.012)
    assert drawn.high == pytest.approx(0.5 + 0.098, abs=0.012)


def test_a_lower_confidence_is_narrower() -> None:
    counts = half_found(100)
    wide, narrow = interval(counts), interval(counts, confidence=0.5)
    assert wide.low < narrow.low < 0.5 < narrow.high < wide.high


def test_the_same_seed_gives_the_same() -> None:
    counts = half_found(20)
    assert interval(counts, seed=1) == interval(counts, seed=1)
    assert interval(counts, seed=1) != interval(counts, seed=2)


def test_every_photo_the_same_leaves_no_doubt() -> None:
    truth = {str(i): Annotation(FACE, EASY) for i in range(5)}
    found = {name: Detections(FACE, np.array([0.5])) for name in truth}
    drawn = interval(count(truth, found, "easy"), resamples=50)
    assert (drawn.low, drawn.high) == (1.0, 1.0)


def test_draws_without_a_face_are_left_out() -> None:
    # One of three photos has a face: many draws have none.
    truth = {str(i): Annotation(FACE, {"easy": np.arange(i == 0)}) for i in range(3)}
    found = {"0": Detections(FACE, np.array([0.5]))}
    drawn = interval(count(truth, found, "easy"), resamples=50)
    assert (drawn.low, drawn.high) == (1.0, 1.0)


def test_no_face_at_all_gives_nan() -> None:
    truth = {"0": Annotation(FACE, {"easy": np.arange(0)})}
    drawn = interval(count(truth, {}, "easy"))
    assert np.isnan([drawn.low, drawn.high]).all()
