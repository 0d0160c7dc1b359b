"""Weights that are shifted until as much passes as before."""

from __future__ import annotations

import numpy as np
import pytest

from mtcnn_core.cascade.detector import FaceDetector
from mtcnn_core.cascade.stages import Stages
from mtcnn_core.engines.registry import find_device
from mtcnn_core.samples.counting import as_many_faces, as_many_squares
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.settings.samples import SampleSettings
from mtcnn_core.stopwatch import Stopwatch
from mtcnn_core.weights import Weights
from mtcnn_core.weights.load import load_weights
from tests.mtcnn_core.samples.photos import astronaut

DETECT = DetectorSettings(min_face=24, faint=False)
ORIGINAL = load_weights("original")


def _unsure(network: str, by: float) -> Weights:
    """The original weights, less sure of faces."""
    arrays = dict(ORIGINAL[network])
    arrays["score.bias"] = arrays["score.bias"] + np.array([by, 0], np.float32)
    return Weights({**ORIGINAL.arrays, network: arrays})


def _squares(weights: Weights) -> int:
    stages = Stages(weights, find_device("cpu", "auto", "f32"), DETECT, Stopwatch())
    photo = stages.begin(astronaut(), (512, 512), DETECT.min_face)
    stages.propose([photo])
    return len(photo.boxes)


@pytest.mark.parametrize("by", [3.0, -2.0])
def test_as_many_squares_come_to_the_next_network(by: float) -> None:
    changed = _unsure("pnet", by)
    assert _squares(changed) != _squares(ORIGINAL)

    shifted = as_many_squares([astronaut()], DETECT, ORIGINAL, changed)

    assert _squares(shifted) == pytest.approx(_squares(ORIGINAL), abs=2)
    bias, before = shifted["pnet"]["score.bias"], ORIGINAL["pnet"]["score.bias"]
    assert bias[1] - bias[0] == pytest.approx(before[1] - before[0], abs=0.05)
    assert shifted.digests["onet"] == ORIGINAL.digests["onet"]


def test_as_many_faces_are_found() -> None:
    changed = _unsure("onet", 12.0)
    assert not len(FaceDetector(DETECT, changed).detect(astronaut()))

    shifted = as_many_faces([astronaut()], DETECT, ORIGINAL, changed)

    assert len(FaceDetector(DETECT, shifted).detect(astronaut())) == 1


def test_pnet_gets_more_negatives_unless_something_else_is_said() -> None:
    assert SampleSettings(stage="p").drawn_negatives == 200
    assert SampleSettings(stage="p", drawn_negatives=7).drawn_negatives == 7
    assert SampleSettings(stage="r").drawn_negatives == SampleSettings().drawn_negatives == 5
