"""One interface, two detectors behind it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from mtcnn_core.cascade.detector import FaceDetector
from mtcnn_core.detectors import make_detector
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.ssd.detector import SsdDetector
from mtcnn_core.stopwatch import Stopwatch
from mtcnn_core.weights.arrays import Weights
from mtcnn_core.weights.original import load_default
from tests.mtcnn_core.ssd.models import write_onnx


def test_the_cascade_is_the_default() -> None:
    detector = make_detector(DetectorSettings())
    assert isinstance(detector, FaceDetector)
    assert detector.digests == load_default().digests


def test_a_model_is_the_other_one(tmp_path: Path) -> None:
    settings = DetectorSettings(detector=str(write_onnx(tmp_path / "small.onnx")))
    detector = make_detector(settings)
    assert isinstance(detector, SsdDetector)
    assert detector.settings is settings


@pytest.mark.parametrize("model", [False, True])
def test_weights_and_stopwatch_are_handed_on(tmp_path: Path, model: bool) -> None:
    name = str(write_onnx(tmp_path / "small.onnx")) if model else "mtcnn"
    arrays = {key: dict(each) for key, each in load_default().arrays.items()}
    arrays["onet"]["boxes.bias"] = arrays["onet"]["boxes.bias"] + 1
    weights, stopwatch = Weights(arrays), Stopwatch()
    detector = make_detector(DetectorSettings(detector=name), weights, stopwatch)
    assert detector.weights is weights
    assert detector.digests["onet"] == weights.digests["onet"] != load_default().digests["onet"]
    detector.detect(np.zeros((64, 64, 3), np.uint8))
    assert stopwatch.seconds


@pytest.mark.parametrize(
    "wrong",
    [{"threshold": 0}, {"label": -1}, {"colours": "grb"}, {"scale": 0}, {"mean": (1, 2)}, {"x": 1}],
    ids=str,
)
def test_settings_of_the_ssd_are_checked(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        DetectorSettings(ssd=wrong)  # type: ignore[arg-type]
