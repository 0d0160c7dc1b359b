"""How good YuNet and SCRFD are here, on photographs with known faces."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.truth.landmarks import read_landmarks
from jobs.truth.wider import read_wider
from mtcnn_core.dense.detector import DenseDetector
from mtcnn_core.evaluation import wider_face
from mtcnn_core.evaluation.annotations import Annotation, Detections
from mtcnn_core.evaluation.landmark_error import landmark_errors
from mtcnn_core.images.photo import decode
from mtcnn_core.settings.dense import DenseSettings
from mtcnn_core.settings.detector import DetectorSettings

_SUBSETS = ("easy", "medium", "hard")


def _detector(data_dir: Path, file: str, threshold: float, **dense: Any) -> DenseDetector:
    model = data_dir / "models" / "detectors" / f"{file}.onnx"
    settings = DenseSettings(threshold=threshold, **dense)
    return DenseDetector(DetectorSettings(detector=str(model), min_face=8, dense=settings))


def _precision(data_dir: Path, detector: DenseDetector, step: int) -> list[float]:
    """Average precision on every so many photos: easy, medium, hard."""
    whole = read_wider(str(data_dir / "wider" / "gt.jsonl"))
    truth: Mapping[str, Annotation] = dict(islice(sorted(whole.items()), 0, None, step))
    found = {}
    for name in truth:
        faces = detector.detect(decode((data_dir / "wider" / "images" / name).read_bytes()))
        found[name] = Detections(faces.boxes.astype(np.float64), faces.scores.astype(np.float64))
    return [wider_face.average_precision(truth, found, each) for each in _SUBSETS]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "dense", "expected"),
    [
        # Another program finds .871, .833 and .674.
        ("yunet_n_dynamic", {}, (0.871, 0.833, 0.672)),
        ("yunet_n_dynamic", {"tiles": True}, (0.866, 0.852, 0.785)),
        # Published are .906, .881 and .685, on all validation photos at the size of VGA.
        ("scrfd_500m_kps", {}, (0.887, 0.851, 0.669)),
        ("scrfd_500m_kps", {"tiles": True}, (0.888, 0.870, 0.796)),
    ],
)
def test_wider_average_precision_on_all_photos(
    data_dir: Path, file: str, dense: Any, expected: tuple[float, ...]
) -> None:
    found = _precision(data_dir, _detector(data_dir, file, 0.02, **dense), 1)
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.003)


@pytest.mark.parametrize(
    ("file", "expected"),
    # By the same code on every eighth photo; the slow test above compares with others.
    [("yunet_n_dynamic", (0.860, 0.805, 0.762)), ("scrfd_500m_kps", (0.868, 0.819, 0.756))],
)
def test_wider_average_precision_on_some_photos(
    data_dir: Path, file: str, expected: tuple[float, ...]
) -> None:
    found = _precision(data_dir, _detector(data_dir, file, 0.02), 8)
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.005)


@pytest.mark.parametrize(("file", "limit"), [("yunet_n_dynamic", 0.085), ("scrfd_500m_kps", 0.053)])
def test_landmarks_are_in_place(data_dir: Path, file: str, limit: float) -> None:
    detector = _detector(data_dir, file, 0.5)
    annotated = read_landmarks(str(data_dir / "lfw" / "landmarks5_150px.csv"))
    some = dict(islice(annotated.items(), 0, None, 8))
    found = {name: detector.detect(decode((data_dir / "lfw" / name).read_bytes())) for name in some}
    errors = landmark_errors(some, found)
    assert errors.found == len(some) == 50
    assert errors.mean <= limit
