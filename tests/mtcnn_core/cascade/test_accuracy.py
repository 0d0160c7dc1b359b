"""How good the cascade is, on photographs with known faces."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from jobs.truth.landmarks import read_landmarks
from jobs.truth.wider import read_wider
from mtcnn_core.cascade.detector import FaceDetector
from mtcnn_core.evaluation.landmark_error import landmark_errors
from mtcnn_core.evaluation.overlaps import Floats, iou
from mtcnn_core.evaluation.wider_face import Annotation, Detections, average_precision
from mtcnn_core.faces import Faces

WIDER = "wider/images/"
LFW = "lfw/"


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
    return read_wider(str(data_dir / "wider" / "gt.jsonl"))


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
        _best_overlap(np.array([box]), detected[row["image"]].boxes.astype(np.float64))
        for row in reference
        for box, score in zip(row["boxes"], row["scores"], strict=True)
        if score >= 0.95
    ]
    assert len(overlaps) > 1000
    assert np.mean(np.array(overlaps) >= 0.5) >= 0.975


def test_every_portrait_has_a_face_with_landmarks_in_place(
    data_dir: Path, detected: dict[str, Faces]
) -> None:
    truth = read_landmarks(str(data_dir / "lfw" / "landmarks5_150px.csv"))
    found = {
        name.removeprefix(LFW): faces for name, faces in detected.items() if name.startswith(LFW)
    }
    errors = landmark_errors(truth, found)
    assert (errors.found, len(errors)) == (400, 400)
    assert errors.mean <= 0.050


def _best_overlap(box: Floats, others: Floats) -> float:
    return float(iou(box, others).max(initial=0))
