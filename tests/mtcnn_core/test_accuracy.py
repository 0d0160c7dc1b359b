"""How good the cascade is, on photographs with known faces."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mtcnn_core.cascade import FaceDetector
from mtcnn_core.faces import Faces
from tests.wider_protocol import (
    SUBSETS,
    Annotation,
    Detections,
    Floats,
    average_precision,
    read_annotations,
)

WIDER = "wider/images/"
POINTS = ("lex", "ley", "rex", "rey", "nx", "ny", "lmx", "lmy", "rmx", "rmy")

ONE_FACE = np.array([[0.0, 0, 10, 10]])


@pytest.fixture(scope="module")
def reference(data_dir: Path) -> list[dict[str, Any]]:
    """facenet-pytorch's detections at the same settings."""
    lines = (data_dir / "reference" / "facenet_pytorch_2.6.0.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def detected(data_dir: Path, reference: list[dict[str, Any]]) -> dict[str, Faces]:
    """Image name -> faces at the default settings, for every image of the reference."""
    detector = FaceDetector()
    found = {}
    for row in reference:
        with Image.open(data_dir / row["image"]) as photo:
            found[row["image"]] = detector.detect(np.asarray(photo.convert("RGB")))
    return found


@pytest.fixture(scope="module")
def truth(data_dir: Path) -> dict[str, Annotation]:
    return read_annotations(data_dir / "wider" / "gt.jsonl")


@pytest.mark.parametrize(("subset", "floor"), [("easy", 0.785), ("medium", 0.740), ("hard", 0.522)])
def test_wider_average_precision(
    truth: dict[str, Annotation], detected: dict[str, Faces], subset: str, floor: float
) -> None:
    found = {
        name.removeprefix(WIDER): Detections(
            faces.boxes.astype(np.float64), faces.scores.astype(np.float64)
        )
        for name, faces in detected.items()
        if name.startswith(WIDER)
    }
    assert len(found) == len(truth)
    assert average_precision(truth, found, subset) >= floor


def test_finds_what_the_reference_is_sure_of(
    reference: list[dict[str, Any]], detected: dict[str, Faces]
) -> None:
    overlaps = [
        _best_overlap(np.array(box), detected[row["image"]].boxes.astype(np.float64))
        for row in reference
        for box, score in zip(row["boxes"], row["scores"], strict=True)
        if score >= 0.95
    ]
    assert len(overlaps) > 1000
    assert np.mean(np.array(overlaps) >= 0.5) >= 0.975


def test_every_portrait_has_a_face_with_landmarks_in_place(
    data_dir: Path, detected: dict[str, Faces]
) -> None:
    with (data_dir / "lfw" / "landmarks5_150px.csv").open() as file:
        rows = list(csv.DictReader(file))
    without = [row["image"] for row in rows if len(detected[f"lfw/{row['image']}"]) == 0]
    assert without == []
    errors = [
        _landmark_error(
            np.array([float(row[name]) for name in POINTS]).reshape(5, 2),
            detected[f"lfw/{row['image']}"],
        )
        for row in rows
    ]
    assert len(errors) == 400
    assert np.mean(errors) <= 0.050


def test_protocol_reproduces_the_published_values_of_the_reference(
    truth: dict[str, Annotation], reference: list[dict[str, Any]]
) -> None:
    found = {
        row["image"].removeprefix(WIDER): Detections(
            np.array(row["boxes"], np.float64).reshape(-1, 4), np.array(row["scores"], np.float64)
        )
        for row in reference
        if row["image"].startswith(WIDER)
    }
    precisions = [average_precision(truth, found, subset) for subset in SUBSETS]
    np.testing.assert_allclose(precisions, (0.773, 0.733, 0.514), rtol=0, atol=5e-4)


def test_protocol_by_hand() -> None:
    # Three faces count. In the order of scores: a hit (precision 1/1 at recall 1/3), a miss, a
    # hit (2/3 at 2/3), a face to ignore, a miss. One face is never found, so
    # AP = 1/3 * 1 + 1/3 * 2/3 = 5/9.
    faces = np.array([[0.0, 0, 10, 10], [100, 0, 10, 10]])
    hits = np.array([[0.0, 0, 10, 10], [100, 0, 110, 10]])
    misses = np.array([[50.0, 50, 60, 60], [200, 200, 210, 210]])
    truth = {
        "a": Annotation(faces, {"easy": [0, 1]}),
        "b": Annotation(faces, {"easy": [1]}),
    }
    found = {
        "a": Detections(np.stack([misses[0], hits[0], misses[1]]), np.array([0.8, 1.0, 0.0])),
        "b": Detections(np.stack([hits[0], hits[1]]), np.array([0.4, 0.6])),
    }
    assert average_precision(truth, found, "easy") == pytest.approx(5 / 9)


def test_protocol_counts_a_second_box_on_a_face_as_wrong() -> None:
    # Three boxes on the first face, then one on the second: precision 2/4 at recall 1.
    truth = {"a": Annotation(np.array([[0.0, 0, 10, 10], [50, 0, 10, 10]]), {"easy": [0, 1]})}
    boxes = np.array([[0.0, 0, 10, 10], [0, 0, 10, 11], [0, 0, 11, 10], [50, 0, 60, 10]])
    found = {"a": Detections(boxes, np.array([1.0, 0.9, 0.8, 0.7]))}
    # Normalised, the last score is 0: reached by the last threshold.
    assert average_precision(truth, found, "easy") == pytest.approx(1 / 2 + 1 / 2 * 2 / 4)


@pytest.mark.parametrize(("height", "expected"), [(4.6, 1.0), (4.4, 0.0)])
def test_protocol_adds_one_to_widths(height: float, expected: float) -> None:
    # (height + 1) * 11 of 11 * 11: 0.509 and 0.491, where without the + 1 both are below 0.5.
    truth = {"a": Annotation(ONE_FACE, {"easy": [0]})}
    boxes = np.array([[0.0, 0, 10, height], [50, 50, 60, 60]])
    found = {"a": Detections(boxes, np.array([1.0, 0.0]))}
    assert average_precision(truth, found, "easy") == expected


def test_protocol_counts_the_faces_of_photos_without_detections() -> None:
    truth = {name: Annotation(ONE_FACE, {"easy": [0]}) for name in "abcd"}
    boxes = np.array([[0.0, 0, 10, 10], [50, 50, 60, 60]])
    found = {"a": Detections(boxes, np.array([1.0, 0.0]))}
    assert average_precision(truth, found, "easy") == pytest.approx(1 / 4)


def _best_overlap(box: Floats, others: Floats) -> float:
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.maximum(high - low, 0).prod(axis=1)
    areas = (others[:, 2:] - others[:, :2]).prod(axis=1) + (box[2:] - box[:2]).prod()
    return float((shared / (areas - shared)).max(initial=0))


def _landmark_error(expected: Floats, faces: Faces) -> float:
    """Mean distance of the five points over that of the eyes, of the face nearest to them."""
    centre = (expected.min(axis=0) + expected.max(axis=0)) / 2
    centres = (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2
    nearest = np.linalg.norm(centres - centre, axis=1).argmin()
    distances = np.linalg.norm(faces.landmarks[nearest] - expected, axis=1)
    return float(distances.mean() / np.linalg.norm(expected[0] - expected[1]))
