"""OpenVINO in place of ONNX Runtime: the same faces, in few shapes; refused where it cannot be."""

import os
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from mtcnn_core.cascade.detector import FaceDetector
from mtcnn_core.engines import openvino as engine_openvino
from mtcnn_core.engines.errors import DeviceError
from mtcnn_core.engines.openvino import OpenVinoNetwork
from mtcnn_core.engines.registry import find_device
from mtcnn_core.faces import Faces
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.weights import NETWORKS, PNET, Network
from mtcnn_core.weights.original import load_default

openvino = pytest.importorskip("openvino", reason="needs mtcnn-ray[openvino]")

F32 = DetectorSettings(engine="openvino")
BF16 = DetectorSettings(engine="openvino", precision="bf16")
BF16_ALL = DetectorSettings(engine="openvino", precision="bf16-all")
needs_bf16 = pytest.mark.skipif(
    "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"),
    reason="this processor does not compute in bfloat16",
)


@pytest.fixture(scope="module")
def crowd() -> NDArray[np.uint8]:
    """Many faces in sizes from small to large, on odd sides."""
    astronaut: NDArray[np.uint8] = skimage.data.astronaut()  # type: ignore[no-untyped-call]
    face = astronaut[50:190, 150:290]
    small = np.tile(face[::3, ::3], (3, 9, 1))
    return np.concatenate([np.tile(face, (2, 3, 1)), small[:, :420]])[:-1, :-1]


@pytest.fixture(scope="module")
def expected(crowd: NDArray[np.uint8]) -> Faces:
    faces = FaceDetector().detect(crowd)
    assert len(faces) > 10
    return faces


def _assert_near(found: Faces, expected: Faces, pixels: float, scores: float) -> None:
    """By place: faces of nearly equal score may change their order."""
    assert len(found) == len(expected)
    distances = np.abs(found.boxes[:, None] - expected.boxes[None]).max(axis=2)
    nearest = distances.argmin(axis=1)
    assert sorted(nearest) == list(range(len(expected)))
    np.testing.assert_allclose(found.boxes, expected.boxes[nearest], rtol=0, atol=pixels)
    np.testing.assert_allclose(found.landmarks, expected.landmarks[nearest], rtol=0, atol=pixels)
    np.testing.assert_allclose(found.scores, expected.scores[nearest], rtol=0, atol=scores)


def test_finds_the_same_faces_in_float32(crowd: NDArray[np.uint8], expected: Faces) -> None:
    _assert_near(FaceDetector(F32).detect(crowd), expected, pixels=0.02, scores=1e-4)


@needs_bf16
def test_finds_nearly_the_same_faces_in_bfloat16(crowd: NDArray[np.uint8], expected: Faces) -> None:
    found = FaceDetector(BF16).detect(crowd)
    sure = expected.scores > 0.95
    assert sure.sum() > 10
    distances = np.abs(found.boxes[:, None] - expected.boxes[None, sure]).max(axis=2)
    assert distances.min(axis=0).max() < 4


@needs_bf16
@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_bfloat16_is_computed_in_bfloat16(network: Network) -> None:
    dtype = np.uint8 if network is PNET else np.float32
    images = np.random.default_rng(0).integers(0, 256, (1, network.side, network.side, 3))
    exact, rounded = (
        OpenVinoNetwork(
            network, load_default(), find_device("cpu", "openvino", precision).runtimes[name]
        )
        .run(images.astype(dtype))
        .copy()
        for precision, name in (("f32", "rnet"), ("bf16-all", network.name))
    )
    error = float(np.sqrt(np.mean((rounded - exact) ** 2)))
    assert 1e-5 < error < 0.3


@pytest.mark.parametrize(
    "settings",
    [F32, pytest.param(BF16, marks=needs_bf16), pytest.param(BF16_ALL, marks=needs_bf16)],
    ids=["f32", "bf16", "bf16-all"],
)
def test_same_photo_same_bits(settings: DetectorSettings, crowd: NDArray[np.uint8]) -> None:
    detector = FaceDetector(settings)
    first = detector.detect(crowd)
    detector.detect(crowd[::2, 20:])
    for again in (detector.detect(crowd), FaceDetector(settings).detect(crowd)):
        np.testing.assert_array_equal(again.boxes, first.boxes)
        np.testing.assert_array_equal(again.scores, first.scores)
        np.testing.assert_array_equal(again.landmarks, first.landmarks)


def test_computes_on_the_calling_thread() -> None:
    # It has others, idle ones for asynchronous calls. In a process of its own, where nothing else
    # takes time.
    code = """
import time
import numpy
from mtcnn_core.engines.registry import find_device
from mtcnn_core.engines.openvino import OpenVinoNetwork
from mtcnn_core.weights import PNET
from mtcnn_core.weights.original import load_default
runtime = find_device("cpu", "openvino", "f32").runtimes["rnet"]
engine = OpenVinoNetwork(PNET, load_default(), runtime)
level = numpy.zeros((1, 800, 800, 3), numpy.uint8)
engine.run(level)
here, all_threads = time.thread_time(), time.process_time()
for _ in range(10):
    engine.run(level)
print((time.thread_time() - here) / (time.process_time() - all_threads))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) > 0.9


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc which cores are allowed")
def test_is_not_pinned_to_a_core() -> None:
    runtime = find_device("cpu", "openvino", "f32").runtimes["rnet"]
    engine = OpenVinoNetwork(PNET, load_default(), runtime)
    level = np.zeros((1, 300, 300, 3), np.uint8)
    engine.run(level)  # compiled
    stop, seen = threading.Event(), set()

    def compute() -> None:
        while not stop.is_set():
            engine.run(level)

    thread = threading.Thread(target=compute)
    allowed = os.sched_getaffinity(0)
    thread.start()
    assert thread.native_id is not None
    for _ in range(300):
        time.sleep(0.001)
        seen.add(frozenset(os.sched_getaffinity(thread.native_id)))
    stop.set()
    thread.join()
    assert seen == {frozenset(allowed)}


@needs_bf16
def test_photos_of_any_size_are_few_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[tuple[int, ...]] = []
    compile_ = OpenVinoNetwork._compiled

    def spy(self: OpenVinoNetwork, shape: tuple[int, ...]) -> Any:
        compiled.append(shape)
        return compile_(self, shape)

    monkeypatch.setattr(OpenVinoNetwork, "_compiled", spy)
    detector = FaceDetector(BF16_ALL)
    rng = np.random.default_rng(0)
    photo = skimage.data.astronaut()  # type: ignore[no-untyped-call]
    for height, width in rng.integers(12, 512, (30, 2)):
        detector.detect(photo[:height, :width])
    assert len(compiled) == len(set(compiled)) <= 8


def test_a_processor_without_bfloat16_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class OldProcessor:
        def get_property(self, device: str, name: str) -> list[str]:
            return ["FP32", "INT8"]

    monkeypatch.setattr(engine_openvino, "_core", OldProcessor)
    with pytest.raises(DeviceError, match="does not compute in bfloat16: use --precision f32"):
        FaceDetector(BF16)
    FaceDetector(DetectorSettings(engine="openvino"))
