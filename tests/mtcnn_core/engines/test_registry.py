"""Feeding a device: filled buckets, batches shared by photos, and devices that are not there."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
import skimage.data
from numpy.typing import NDArray
from pydantic import ValidationError

from mtcnn_core.cascade.detector import FaceDetector
from mtcnn_core.cascade.sessions import ProposalSession
from mtcnn_core.engines.engine import Device, Runtime
from mtcnn_core.engines.errors import DeviceError
from mtcnn_core.engines.onnxruntime import DEVICES
from mtcnn_core.engines.registry import DeviceName, EngineName, find_device
from mtcnn_core.engines.tiles import Buckets
from mtcnn_core.faces import Faces
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.stopwatch import Stopwatch
from mtcnn_core.weights import NETWORKS
from mtcnn_core.weights.original import load_default

Pixels = NDArray[np.uint8]

# As a GPU is fed, on the CPU.
POOLED = Device(
    runtimes=DEVICES["cpu"].runtimes,
    tiling=Buckets(cells=32, largest=4096),
    crops={"rnet": 50, "onet": 7},
    full_batches=True,
    cut=33,  # less than a photo's crops, and no divisor of them
    photos=4,
)


def _photos() -> list[Pixels]:
    """Photos of several sizes, with many faces, one and none."""
    astronaut: Pixels = skimage.data.astronaut()  # type: ignore[no-untyped-call]
    return [
        astronaut,
        np.zeros((40, 50, 3), np.uint8),
        np.tile(astronaut[50:190, 150:290], (2, 3, 1)),
        skimage.data.coffee(),
        astronaut[:5, :7],
        astronaut[::2, ::2],
    ]


def _pooled(photos: list[Pixels], device: Device = POOLED) -> list[Faces]:
    return FaceDetector(device=device).detect_many(photos, [None] * len(photos))


def test_photos_that_share_batches_keep_their_own_faces() -> None:
    photos = _photos()
    alone = FaceDetector()
    for found, photo in zip(_pooled(photos), photos, strict=True):
        expected = alone.detect(photo)
        assert len(found) == len(expected)
        np.testing.assert_allclose(found.boxes, expected.boxes, atol=0.01)
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)
        np.testing.assert_allclose(found.landmarks, expected.landmarks, atol=0.01)


def test_neighbours_in_a_batch_do_not_matter() -> None:
    photos = _photos()
    for found, again in zip(_pooled(photos), _pooled(photos[::-1])[::-1], strict=True):
        np.testing.assert_array_equal(found.boxes, again.boxes)
        np.testing.assert_array_equal(found.scores, again.scores)


def test_few_shapes_occur(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: dict[str, set[tuple[int, ...]]] = {"pnet": set(), "rnet": set(), "onet": set()}
    run = ort.InferenceSession.run

    def spy(self: Any, names: Any, feed: dict[str, NDArray[Any]], *rest: Any) -> Any:
        heads = run(self, names, feed, *rest)
        image = feed["image"]
        name = "pnet" if image.dtype == np.uint8 else {24: "rnet", 48: "onet"}[image.shape[1]]
        shapes[name].add(image.shape)
        return heads

    monkeypatch.setattr(ort.InferenceSession, "run", spy)
    _pooled(_photos())
    assert shapes["rnet"] == {(50, 24, 24, 3)}
    assert shapes["onet"] == {(7, 48, 48, 3)}
    assert all(side % 64 == 11 for shape in shapes["pnet"] for side in shape[1:3])


@pytest.mark.parametrize("size", [(64, 128), (65, 127), (40, 50), (75, 76)], ids=str)
def test_what_is_seen_in_the_filling_is_dropped(size: tuple[int, int]) -> None:
    level = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    filled, plain = (
        ProposalSession(load_default(), device, Stopwatch())(level)
        for device in (POOLED, DEVICES["cpu"])
    )
    assert filled.shape == plain.shape
    np.testing.assert_allclose(filled, plain, atol=1e-4)


def test_no_photos() -> None:
    assert FaceDetector(device=POOLED).detect_many([], []) == []


def test_a_photo_in_reduced_pixels_has_its_faces_in_full_ones() -> None:
    photo = np.tile(_photos()[0], (1, 1, 1))
    full = FaceDetector(DetectorSettings(min_face=80)).detect(photo)
    half: Pixels = (
        photo.reshape(256, 2, 256, 2, 3).mean(axis=(1, 3), dtype=np.float32).astype(np.uint8)
    )
    found = FaceDetector(DetectorSettings(min_face=80)).detect(half, size=(512, 512))
    np.testing.assert_allclose(found.boxes, full.boxes, atol=4)
    assert len(found) == 1


@pytest.mark.skipif(
    "CUDAExecutionProvider" in ort.get_available_providers(), reason="this machine has CUDA"
)
def test_a_missing_device_is_refused() -> None:
    with pytest.raises(DeviceError, match="CUDAExecutionProvider is not there: install"):
        FaceDetector(DetectorSettings(device="cuda"))


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_device_that_silently_falls_back_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = [*ort.get_available_providers(), "ROCMExecutionProvider"]
    monkeypatch.setattr(ort, "get_available_providers", lambda: listed)
    broken = Runtime("onnxruntime", "ROCMExecutionProvider", install="install it")
    with pytest.raises(DeviceError, match="ROCMExecutionProvider does not start here"):
        FaceDetector(
            device=replace(DEVICES["cuda"], runtimes={network.name: broken for network in NETWORKS})
        )


def test_without_openvino_the_extra_is_named() -> None:
    code = """
import sys
sys.modules["openvino"] = None
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.cascade.detector import FaceDetector
from mtcnn_core.engines.errors import DeviceError
try:
    FaceDetector(DetectorSettings(engine="openvino"))
except DeviceError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "OpenVINO is not there: pip install 'mtcnn-ray[openvino]'\n"


@pytest.mark.parametrize(
    ("engine", "imported"),
    [
        ("auto", "['llvmlite']"),
        ("llvm", "['llvmlite']"),
        ("onnxruntime", "['llvmlite', 'onnxruntime']"),  # llvmlite cuts the crops
    ],
)
def test_only_the_engine_asked_for_is_imported(engine: str, imported: str) -> None:
    code = f"""
import sys
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.cascade.detector import FaceDetector
FaceDetector(DetectorSettings(engine="{engine}"))
print(sorted({{"llvmlite", "onnxruntime", "openvino"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{imported}\n"


@pytest.mark.parametrize(
    ("device", "engine", "expected"),
    [
        ("cpu", "auto", "llvm"),
        ("cuda", "auto", "onnxruntime"),
        ("cpu", "onnxruntime", "onnxruntime"),
    ],
)
def test_what_computes_the_networks_by_default(
    device: DeviceName, engine: EngineName, expected: str
) -> None:
    runtimes = find_device(device, engine, "f32").runtimes
    assert {runtime.engine for runtime in runtimes.values()} == {expected}


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"precision": "bf16"}, "precision bf16 needs engine openvino"),
        ({"engine": "openvino", "device": "cuda"}, "engine openvino needs device cpu, not cuda"),
        ({"engine": "llvm", "device": "cuda"}, "engine llvm needs device cpu, not cuda"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        DetectorSettings(**wrong)
