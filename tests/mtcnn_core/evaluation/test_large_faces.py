"""The protocol of large faces: by hand, and on published detections."""

import json
from pathlib import Path

import numpy as np
import pytest

from jobs.truth.wider import read_wider
from mtcnn_core.evaluation.large_faces import Rule, average_precision, faces
from mtcnn_core.evaluation.wider_face import Annotation, Detections

WIDER = "wider/images/"
LARGE = [0.0, 0, 100, 100]
NARROW = [200.0, 0, 250, 100]
SMALL = [0.0, 300, 40, 340]
NOWHERE = [400.0, 400, 500, 500]


def photo(*boxes: list[float], invalid: tuple[int, ...] = ()) -> Annotation:
    mask = np.zeros(len(boxes), np.bool_)
    mask[list(invalid)] = True
    return Annotation(np.array(boxes), {}, mask)


def detections(*boxes: list[float]) -> Detections:
    """As they come, the first with the highest score."""
    return Detections(np.array(boxes).reshape(-1, 4), 1 - np.arange(len(boxes)) / 100)


def test_reproduces_the_published_value_of_the_reference(data_dir: Path) -> None:
    truth = read_wider(str(data_dir / "wider" / "gt.jsonl"))
    found = {}
    for line in (data_dir / "reference" / "facenet_pytorch_2.6.0.jsonl").read_text().splitlines():
        row = json.loads(line)
        boxes = np.array(row["boxes"], np.float64).reshape(-1, 4)
        found[row["image"].removeprefix(WIDER)] = Detections(boxes, np.array(row["scores"]))
    assert average_precision(truth, found) == pytest.approx(0.823, abs=5e-4)


@pytest.mark.parametrize(
    ("sides", "rule", "expected"),
    [
        ((64, 64), Rule.BOTH_SIDES, 1),
        ((63.9, 64), Rule.BOTH_SIDES, 0),
        ((64, 63.9), Rule.BOTH_SIDES, 0),
        ((30, 64), Rule.HEIGHT, 1),
        ((64, 63.9), Rule.HEIGHT, 0),
    ],
)
def test_which_faces_are_large(sides: tuple[float, float], rule: Rule, expected: int) -> None:
    assert faces({"a": photo([10.0, 10, 10 + sides[0], 10 + sides[1]])}, rule) == expected


def test_by_hand() -> None:
    # Two large faces. In the order of scores: nothing, a face, the same once more, the other:
    # precision 1/2 at recall 1/2 and 2/4 at 1, so AP = 1/2.
    truth = {"a": photo(LARGE, [200.0, 0, 300, 100])}
    found = {"a": detections(NOWHERE, LARGE, [1.0, 0, 101, 100], [200.0, 0, 300, 100])}
    assert average_precision(truth, found) == pytest.approx(1 / 2)


def test_scores_compare_across_photos() -> None:
    # The wrong one in b comes between the hits of a: 1/2 * 1 + 1/2 * 2/3.
    truth = {"a": photo(LARGE, [200.0, 0, 300, 100]), "b": photo(SMALL)}
    found = {
        "a": Detections(np.array([LARGE, [200.0, 0, 300, 100]]), np.array([0.9, 0.1])),
        "b": Detections(np.array([NOWHERE]), np.array([0.5])),
    }
    assert average_precision(truth, found) == pytest.approx(5 / 6)


@pytest.mark.parametrize(
    "ignored",
    [
        pytest.param(photo(LARGE, SMALL), id="small"),
        pytest.param(photo(LARGE, [0.0, 300, 100, 400], invalid=(1,)), id="invalid"),
    ],
)
@pytest.mark.parametrize("rule", Rule)
def test_what_finds_or_lies_within_an_ignored_face_costs_nothing(
    ignored: Annotation, rule: Rule
) -> None:
    x1, y1, x2, y2 = ignored.boxes[1]
    part = [x1, y1, x1 + (x2 - x1) / 3, y1 + (y2 - y1) / 3]
    found = {"a": detections([x1, y1, x2, y2], part, LARGE)}
    assert average_precision({"a": ignored}, found, rule) == 1.0


def test_a_small_detection_that_finds_nothing_costs_only_by_height() -> None:
    truth = {"a": photo(LARGE)}
    found = {"a": detections([400.0, 400, 440, 440], LARGE)}
    assert average_precision(truth, found) == 1.0
    assert average_precision(truth, found, Rule.HEIGHT) == pytest.approx(1 / 2)


def test_a_small_detection_finds_a_large_face() -> None:
    truth = {"a": photo([0.0, 0, 64, 64])}
    assert average_precision(truth, {"a": detections([2.0, 2, 62, 62])}) == 1.0


def test_overlaps_are_plain() -> None:
    # 49.9 of 100: with the + 1 of the other protocol it would be (50.9 * 101) / (101 * 101) > .5.
    truth = {"a": photo(LARGE)}
    assert average_precision(truth, {"a": detections([0.0, 0, 100, 49.9])}) == 0


def test_nothing_found_is_zero_and_nothing_to_find_is_nan() -> None:
    assert average_precision({"a": photo(LARGE)}, {}) == 0
    assert np.isnan(average_precision({"a": photo(SMALL)}, {}))
    assert np.isnan(average_precision({"a": photo(NARROW)}, {}))
