import numpy as np
import pytest

from mtcnn_core.evaluation.annotations import Annotation, Detections
from mtcnn_core.evaluation.comparison import compare
from mtcnn_core.evaluation.wider_face import Counts, count

TRUTH = {
    f"{n}.jpg": Annotation(np.array([[10.0, 10, 30, 30]]), {"all": np.array([0])})
    for n in range(60)
}


def _counts(hits: int) -> Counts:
    """Faces found in the first photos, and something else in the others."""
    found = {}
    for number, name in enumerate(TRUTH):
        left = 10.0 if number < hits else 200.0
        found[name] = Detections(np.array([[left, 10, left + 20, 30]]), np.array([0.9]))
    return count(TRUTH, found, "all")


def test_what_finds_more_is_better() -> None:
    found = compare(_counts(20), _counts(50))

    assert found.after > found.before
    assert 0 < found.low <= found.value <= found.high
    assert found.verdict == "better"
    assert compare(_counts(50), _counts(20)).verdict == "worse"


def test_the_same_is_equal_whatever_is_drawn() -> None:
    found = compare(_counts(30), _counts(30))

    assert (found.value, found.low, found.high) == (0, 0, 0)
    assert found.verdict == "equal"


def test_a_small_difference_is_none() -> None:
    assert compare(_counts(30), _counts(31)).verdict == "equal"


def test_other_photos_cannot_be_compared() -> None:
    other = {"x.jpg": next(iter(TRUTH.values()))}
    with pytest.raises(ValueError, match="the same photos"):
        compare(_counts(1), count(other, {}, "all"))
