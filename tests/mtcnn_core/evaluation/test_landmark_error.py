"""Landmark errors: by hand, who finds whom, and on the reference's landmarks."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from jobs.truth.landmarks import read_landmarks
from mtcnn_core.evaluation.landmark_error import AnnotatedFaces, landmark_errors
from mtcnn_core.evaluation.overlaps import Floats
from mtcnn_core.faces import Faces

LFW = "lfw/"
# Eyes 40 apart.
POINTS = np.array([[30.0, 40], [70, 40], [50, 60], [35, 80], [65, 80]])
BOX = (0.0, 0.0, 100.0, 120.0)
NO_BOX = (np.nan,) * 4


def annotated(*places: float, box: Sequence[float] = NO_BOX) -> AnnotatedFaces:
    """Faces moved to the right by so many pixels."""
    points = np.stack([POINTS + np.array([place, 0]) for place in places])
    return AnnotatedFaces(points, np.array([box] * len(places)))


def detected(*places: float, offset: Floats | float = 0.0) -> Faces:
    boxes = np.array([(BOX[0] + p, BOX[1], BOX[2] + p, BOX[3]) for p in places])
    landmarks = np.stack([POINTS + np.array([place, 0]) for place in places]) + offset
    return Faces(boxes, np.linspace(1, 0.5, len(places)), landmarks)  # type: ignore[arg-type]


def test_reproduces_the_published_value_of_the_reference(data_dir: Path) -> None:
    truth = read_landmarks(str(data_dir / "lfw" / "landmarks5_150px.csv"))
    found = {}
    for line in (data_dir / "reference" / "facenet_pytorch_2.6.0.jsonl").read_text().splitlines():
        row = json.loads(line)
        landmarks = np.array(row["landmarks"], np.float32).reshape(-1, 5, 2)
        boxes = np.array(row["boxes"], np.float32).reshape(-1, 4)
        found[row["image"].removeprefix(LFW)] = Faces(boxes, np.array(row["scores"]), landmarks)
    errors = landmark_errors(truth, found)
    assert (len(errors), errors.found) == (400, 400)
    assert errors.mean == pytest.approx(0.064, abs=5e-4)


def test_by_hand() -> None:
    # Points off by 0, 4, 8, 12 and 16 px of 40: errors of 0, .1, .2, .3, .4, and .2 on average.
    offset = np.array([[0.0, 0], [4, 0], [0, 8], [-12, 0], [0, -16]])
    errors = landmark_errors({"a": annotated(0)}, {"a": detected(0, offset=offset)})
    np.testing.assert_allclose(errors.mean_by_point, [0, 0.1, 0.2, 0.3, 0.4], atol=1e-6)
    assert errors.mean == pytest.approx(0.2)
    assert errors.errors.tolist() == pytest.approx([0.2])


def test_one_wrong_annotation_leaves_the_median() -> None:
    offsets = {"a": 2.0, "b": 4.0, "c": 20.0}
    truth = {name: annotated(0) for name in (*offsets, "lost")}
    found = {name: detected(0, offset=np.array([off, 0])) for name, off in offsets.items()}
    assert landmark_errors(truth, found).median == pytest.approx(0.1)


def test_a_face_that_is_not_found_fails_but_has_no_error() -> None:
    truth = {"a": annotated(0), "b": annotated(0), "c": annotated(0), "d": annotated(0)}
    found = {
        "a": detected(0, offset=np.array([2.0, 0])),  # an error of .05
        "b": detected(0, offset=np.array([8.0, 0])),  # an error of .2
        "c": detected(500),
    }
    errors = landmark_errors(truth, found)
    assert errors.found == 2
    assert errors.detections.tolist() == [0, 0, -1, -1]
    assert errors.mean == pytest.approx(0.125)
    assert errors.failure_rate() == pytest.approx(3 / 4)
    assert errors.failure_rate(0.3) == pytest.approx(2 / 4)
    assert errors.cumulative(np.array([0.01, 0.06, 1])).tolist() == [0, 0.25, 0.5]


def test_an_error_at_the_limit_does_not_fail() -> None:
    # 4 of 40 px, exact in binary up to the division.
    errors = landmark_errors({"a": annotated(0)}, {"a": detected(0, offset=np.array([4.0, 0]))})
    assert errors.failure_rate(0.1) == 0


def test_each_face_has_the_nearest_detection_and_each_detection_one_face() -> None:
    truth = {"a": annotated(0, 30, 60)}
    errors = landmark_errors(truth, {"a": detected(58, 5)})
    # The second face lies within both boxes, but they belong to nearer ones.
    assert errors.detections.tolist() == [1, -1, 0]
    assert errors.faces.tolist() == [0, 1, 2]
    assert errors.photos == ("a", "a", "a")


def test_a_box_that_does_not_hold_the_face_does_not_find_it() -> None:
    assert landmark_errors({"a": annotated(0)}, {"a": detected(51)}).found == 0
    assert landmark_errors({"a": annotated(0)}, {"a": detected(49)}).found == 1


@pytest.mark.parametrize(("side", "expected"), [(230.0, 1), (260.0, 0)])
def test_a_box_of_quite_another_size_does_not_find_a_face_with_a_box(
    side: float, expected: int
) -> None:
    # Boxes of 100 x 120 in one of 230 x 230 and of 260 x 260: overlaps of .227 and .178.
    truth = {"a": annotated(0, box=BOX)}
    box = np.array([[-40.0, -40, side - 40, side - 40]])
    found = {"a": Faces(box, np.ones(1), POINTS[None])}  # type: ignore[arg-type]
    assert landmark_errors(truth, found).found == expected


@pytest.mark.filterwarnings("error")  # NumPy warns of the mean of nothing
def test_nothing_to_find_and_nothing_found_are_nan() -> None:
    none = landmark_errors({}, {})
    assert len(none) == 0
    assert np.isnan(none.failure_rate())
    lost = landmark_errors({"a": annotated(0)}, {})
    assert np.isnan(lost.mean) and np.isnan(lost.median)
    assert np.isnan(lost.mean_by_point).all()
    assert lost.failure_rate() == 1


@pytest.mark.parametrize(
    ("points", "boxes", "message"),
    [
        (np.zeros((1, 5, 2)), np.zeros((1, 4)), "eyes"),
        (np.full((1, 5, 2), np.nan), np.zeros((1, 4)), "finite"),
        (POINTS[None], np.zeros((2, 4)), "boxes"),
        (POINTS[None, :4], np.zeros((1, 4)), "points"),
    ],
)
def test_faces_that_nothing_can_be_measured_by_are_refused(
    points: Floats, boxes: Floats, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        AnnotatedFaces(points, boxes)
