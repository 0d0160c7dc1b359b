"""The official protocol: by hand, against a plain loop, and on published detections."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from jobs.truth.wider import read_wider
from mtcnn_core.evaluation.overlaps import Floats
from mtcnn_core.evaluation.wider_face import (
    SUBSETS,
    Annotation,
    Detections,
    average_precision,
    count,
)

WIDER = "wider/images/"
ONE_FACE = np.array([[0.0, 0, 10, 10]])
TWO_FACES = np.array([[0.0, 0, 10, 10], [100, 0, 110, 10]])
NOWHERE = np.array([[50.0, 50, 60, 60], [200, 200, 210, 210]])


def annotation(boxes: Floats, easy: list[int]) -> Annotation:
    return Annotation(boxes, {"easy": np.array(easy, np.intp)})


def test_reproduces_the_published_values_of_the_reference(data_dir: Path) -> None:
    truth = read_wider(str(data_dir / "wider" / "gt.jsonl"))
    found = {}
    for line in (data_dir / "reference" / "facenet_pytorch_2.6.0.jsonl").read_text().splitlines():
        row = json.loads(line)
        boxes = np.array(row["boxes"], np.float64).reshape(-1, 4)
        found[row["image"].removeprefix(WIDER)] = Detections(boxes, np.array(row["scores"]))
    precisions = [average_precision(truth, found, subset) for subset in SUBSETS]
    np.testing.assert_allclose(precisions, (0.773, 0.733, 0.514), rtol=0, atol=5e-4)


def test_by_hand() -> None:
    # Three faces count. In the order of scores: a hit (precision 1/1 at recall 1/3), a miss, a
    # hit (2/3 at 2/3), a face to ignore, a miss. One face is never found, so
    # AP = 1/3 * 1 + 1/3 * 2/3 = 5/9.
    truth = {"a": annotation(TWO_FACES, [0, 1]), "b": annotation(TWO_FACES, [1])}
    found = {
        "a": Detections(
            np.stack([NOWHERE[0], TWO_FACES[0], NOWHERE[1]]), np.array([0.8, 1.0, 0.0])
        ),
        "b": Detections(TWO_FACES, np.array([0.4, 0.6])),
    }
    assert average_precision(truth, found, "easy") == pytest.approx(5 / 9)


def test_counts_of_each_photo_by_hand() -> None:
    truth = {"a": annotation(TWO_FACES, [0, 1]), "b": annotation(TWO_FACES, [1])}
    found = {
        "a": Detections(np.stack([TWO_FACES[0], NOWHERE[0]]), np.array([3.0, 1.0])),
        "b": Detections(TWO_FACES, np.array([2.0, 1.5])),
    }
    counts = count(truth, found, "easy")
    # Scores from 1 to 3 are 0 to 1: row 0 is the threshold .999, row 499 is .5, row 999 is 0.
    assert counts.photos == ("a", "b")
    assert counts.faces.tolist() == [2, 1]
    assert counts.proposals[:, [0, 499, 999]].tolist() == [[1, 1, 2], [0, 0, 1]]
    assert counts.hits[:, [0, 499, 999]].tolist() == [[1, 1, 1], [0, 0, 1]]
    assert counts.thresholds[[499, 999]] == pytest.approx([2.0, 1.0])


def test_weights_count_photos_as_often() -> None:
    truth = {"a": annotation(ONE_FACE, [0]), "b": annotation(ONE_FACE, [0])}
    found = {
        "a": Detections(ONE_FACE, np.array([1.0])),
        "b": Detections(NOWHERE[:1], np.array([0.0])),
    }
    curve = count(truth, found, "easy").curve(np.array([3, 1]))
    assert curve.recall[-1] == pytest.approx(3 / 4)
    assert curve.precision[-1] == pytest.approx(3 / 4)


def test_a_second_box_on_a_face_is_wrong() -> None:
    # Three boxes on the first face, then one on the second: precision 2/4 at recall 1.
    truth = {"a": annotation(np.array([[0.0, 0, 10, 10], [50, 0, 60, 10]]), [0, 1])}
    boxes = np.array([[0.0, 0, 10, 10], [0, 0, 10, 11], [0, 0, 11, 10], [50, 0, 60, 10]])
    found = {"a": Detections(boxes, np.array([1.0, 0.9, 0.8, 0.7]))}
    # Normalised, the last score is 0: reached by the last threshold.
    assert average_precision(truth, found, "easy") == pytest.approx(1 / 2 + 1 / 2 * 2 / 4)


@pytest.mark.parametrize(("height", "expected"), [(4.6, 1.0), (4.4, 0.0)])
def test_one_is_added_to_widths(height: float, expected: float) -> None:
    # (height + 1) * 11 of 11 * 11: 0.509 and 0.491, where without the + 1 both are below 0.5.
    truth = {"a": annotation(ONE_FACE, [0])}
    boxes = np.array([[0.0, 0, 10, height], [50, 50, 60, 60]])
    found = {"a": Detections(boxes, np.array([1.0, 0.0]))}
    assert average_precision(truth, found, "easy") == expected


def test_the_faces_of_photos_without_detections_count() -> None:
    truth = {name: annotation(ONE_FACE, [0]) for name in "abcd"}
    boxes = np.array([[0.0, 0, 10, 10], [50, 50, 60, 60]])
    found = {"a": Detections(boxes, np.array([1.0, 0.0])), "b": Detections.empty()}
    assert average_precision(truth, found, "easy") == pytest.approx(1 / 4)


def test_detections_in_photos_without_an_annotation_cost_nothing() -> None:
    truth = {"a": annotation(ONE_FACE, [0]), "b": annotation(np.empty((0, 4)), [])}
    found = {
        "a": Detections(ONE_FACE, np.array([0.5])),
        "b": Detections(NOWHERE, np.array([0.9, 0.1])),
    }
    assert average_precision(truth, found, "easy") == 1.0


def test_photos_that_the_truth_does_not_name_are_left_out() -> None:
    # Their scores do not widen the range either, which would blur the order of the others.
    truth = {"a": annotation(TWO_FACES, [0, 1])}
    boxes = np.concatenate([TWO_FACES[:1], NOWHERE[:1], TWO_FACES[1:]])
    found = {"a": Detections(boxes, np.array([0.0003, 0.0002, 0.0001]))}
    alone = average_precision(truth, found, "easy")
    found["b"] = Detections(NOWHERE, np.array([1000.0, -1000.0]))
    assert alone == pytest.approx(1 / 2 + 1 / 2 * 2 / 3)
    assert average_precision(truth, found, "easy") == alone


def test_a_detector_with_a_single_score_is_judged_at_one_point() -> None:
    truth = {"a": annotation(TWO_FACES, [0, 1])}
    found = {"a": Detections(np.stack([TWO_FACES[0], NOWHERE[0]]), np.array([0.7, 0.7]))}
    assert average_precision(truth, found, "easy") == pytest.approx(1 / 2 * 1 / 2)


def test_nothing_found_is_zero_and_nothing_to_find_is_nan() -> None:
    assert average_precision({"a": annotation(ONE_FACE, [0])}, {}, "easy") == 0
    assert np.isnan(average_precision({"a": annotation(ONE_FACE, [])}, {}, "easy"))


def test_agrees_with_a_plain_loop(rng: np.random.Generator) -> None:
    truth, found = {}, {}
    for photo in range(40):
        faces, boxes = rng.integers(0, 6), rng.integers(0, 12)
        corner = rng.uniform(0, 40, (faces, 2))
        known = np.concatenate([corner, corner + rng.uniform(10, 30, (faces, 2))], axis=1)
        truth[str(photo)] = annotation(known, np.flatnonzero(rng.random(faces) < 0.6).tolist())
        source = known[rng.integers(0, faces, boxes)] if faces else np.zeros((boxes, 4))
        moved = source + rng.normal(0, 3, (boxes, 4))
        # Few different scores, so that many are equal.
        found[str(photo)] = Detections(moved, rng.integers(0, 50, boxes) / 50)
    assert average_precision(truth, found, "easy") == pytest.approx(_plainly(truth, found))


def _plainly(truth: Mapping[str, Annotation], found: Mapping[str, Detections]) -> float:
    """The protocol as one would tell it, one box after the other."""
    scores = [score for detections in found.values() for score in detections.scores]
    low, high = min(scores), max(scores)
    points = [(0.0, 0.0)]
    for step in range(1, 1001):
        proposals = hits = 0
        for photo, known in truth.items():
            ranked = found[photo].best_first()
            hit = set()
            for box, score in zip(ranked.boxes, ranked.scores, strict=True):
                if (score - low) / (high - low) < 1 - step / 1000 or len(known.boxes) == 0:
                    continue
                overlaps = [_overlap(box, face) for face in known.boxes]
                best = int(np.argmax(overlaps))
                if overlaps[best] < 0.5:
                    proposals += 1
                elif best in known.counted["easy"]:
                    proposals += 1
                    hit.add(best)
            hits += len(hit)
        faces = sum(len(known.counted["easy"]) for known in truth.values())
        points.append((hits / faces, hits / proposals if proposals else 0.0))
    best_from = [max(p for _, p in points[i:]) for i in range(len(points))]
    return sum((points[i][0] - points[i - 1][0]) * best_from[i] for i in range(1, len(points)))


def _overlap(box: Floats, face: Floats) -> float:
    width = min(box[2], face[2]) - max(box[0], face[0]) + 1
    height = min(box[3], face[3]) - max(box[1], face[1]) + 1
    shared = max(width, 0) * max(height, 0)
    areas = sum((b[2] - b[0] + 1) * (b[3] - b[1] + 1) for b in (box, face))
    return float(shared / (areas - shared))
