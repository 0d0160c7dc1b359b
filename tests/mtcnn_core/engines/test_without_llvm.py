"""Without a compiler ONNX Runtime computes the same faces, and whoever asked for LLVM is told."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import skimage.data

from mtcnn_core.cascade.detector import FaceDetector
from mtcnn_core.settings.detector import DetectorSettings

# llvmlite is not installed, or LLVM does not know this platform.
MISSING = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "llvmlite":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
"""
UNKNOWN = """
from llvmlite import binding
binding.get_process_triple = lambda: "nonsense-unknown"
"""
BROKEN = [
    pytest.param(MISSING, "No module named 'llvmlite'", id="llvmlite missing"),
    pytest.param(UNKNOWN, "nonsense-unknown", id="platform unknown"),
]
DETECT = """
import json, sys
import numpy as np
import skimage.data
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.cascade.detector import FaceDetector

photo = np.asarray(skimage.data.astronaut())
faces = FaceDetector().detect(np.concatenate([photo, photo[::-1, ::2]], axis=1))
FaceDetector()
assert "onnxruntime" in sys.modules
print(json.dumps([each.tolist() for each in (faces.boxes, faces.scores, faces.landmarks)]))
"""
ASK = """
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.cascade.detector import FaceDetector
from mtcnn_core.engines.errors import DeviceError
try:
    FaceDetector(DetectorSettings(engine="llvm"))
except DeviceError as error:
    print(error)
FaceDetector(DetectorSettings(engine="onnxruntime"))
"""


def _run(code: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize(("broken", "why"), BROKEN)
def test_the_same_faces_are_found_with_one_warning(broken: str, why: str) -> None:
    done = _run(broken + DETECT)
    photo = np.asarray(skimage.data.astronaut())  # type: ignore[no-untyped-call]
    photo = np.concatenate([photo, photo[::-1, ::2]], axis=1)
    expected = FaceDetector(DetectorSettings(engine="llvm")).detect(photo)
    boxes, scores, landmarks = (np.array(each) for each in json.loads(done.stdout))
    assert len(expected) == len(boxes) > 0
    np.testing.assert_allclose(boxes, expected.boxes, rtol=0, atol=0.02)
    np.testing.assert_allclose(scores, expected.scores, rtol=0, atol=1e-4)
    np.testing.assert_allclose(landmarks, expected.landmarks, rtol=0, atol=0.02)
    (warning,) = done.stderr.splitlines()
    assert warning.startswith("llvm cannot compute here (")
    assert why in warning
    assert warning.endswith("pip install --force-reinstall llvmlite")


@pytest.mark.parametrize(("broken", "why"), BROKEN)
def test_whoever_asks_for_llvm_is_told_what_to_do(broken: str, why: str) -> None:
    done = _run(broken + ASK)
    (sentence,) = done.stdout.splitlines()
    assert sentence.startswith("llvm cannot compute here (")
    assert why in sentence
    assert sentence.endswith("pip install --force-reinstall llvmlite, or leave --engine away")
    assert done.stderr == ""
