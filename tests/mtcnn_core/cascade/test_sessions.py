"""Tiles and batches: the pieces a network is fed in cannot be seen in its results."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from mtcnn_core.cascade.sessions import CropSession, ProposalSession
from mtcnn_core.engines.engine import Device
from mtcnn_core.engines.onnxruntime import DEVICES
from mtcnn_core.engines.registry import find_device
from mtcnn_core.engines.tiles import Buckets, Strips
from mtcnn_core.stopwatch import Stopwatch
from mtcnn_core.weights import ONET, RNET, Network
from mtcnn_core.weights.original import load_default
from tests.oracle import PlainNetwork

Pixels = NDArray[np.uint8]
Crops = NDArray[np.float32]
Heads = NDArray[np.float32]


FED = {
    "llvm": replace(find_device("cpu", "llvm", "f32"), tiling=Strips(cells=12_000)),
    "onnxruntime": DEVICES["cpu"],
    "as on a gpu": replace(
        DEVICES["cpu"],
        tiling=Buckets(cells=32, largest=320),
        crops={"rnet": 50, "onet": 7},
        full_batches=True,
    ),
    "openvino": replace(
        DEVICES["cpu"],
        runtimes=dict.fromkeys(
            ("pnet", "rnet", "onet"), find_device("cpu", "openvino", "f32").runtimes["rnet"]
        ),
        tiling=find_device("cpu", "openvino", "bf16-all").tiling,
        full_batches=True,
    ),
}


@pytest.fixture(scope="module", params=FED)
def device(request: pytest.FixtureRequest) -> Device:
    found = FED[request.param]
    if request.param == "openvino":
        pytest.importorskip("openvino")
    return found


@pytest.fixture(scope="module")
def pnet(device: Device) -> ProposalSession:
    return ProposalSession(load_default(), device, Stopwatch())


@pytest.fixture(scope="module", params=[RNET, ONET], ids=lambda network: network.name)
def crop_session(request: pytest.FixtureRequest, device: Device) -> CropSession:
    network: Network = request.param
    return CropSession(network, load_default(), device, Stopwatch())


@pytest.mark.parametrize(
    "size", [(12, 12), (13, 12), (12, 13), (301, 18), (17, 640), (1001, 777)], ids=str
)
def test_pnet_over_a_level(
    size: tuple[int, int], pnet: ProposalSession, rng: np.random.Generator
) -> None:
    level = rng.integers(0, 256, (*size, 3), np.uint8)
    blocks = [heads for _, heads in PlainNetwork(pnet.network, load_default()).row_blocks(level)]
    score = np.concatenate([block["score"][0] for block in blocks])
    boxes = np.concatenate([block["boxes"][0] for block in blocks])
    heads = pnet(level)
    assert heads.shape == (5, *score.shape[:2])
    np.testing.assert_allclose(heads[0], score[..., 1] - score[..., 0], rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(heads[1:], boxes.transpose(2, 0, 1), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("width", [12, 90, 723, 5000])
def test_pnet_results_do_not_depend_on_the_tiles(
    width: int, pnet: ProposalSession, device: Device, rng: np.random.Generator
) -> None:
    # Without its first rows, a level is cut at other places.
    level = rng.integers(0, 256, (300, width, 3), np.uint8)
    whole = pnet(level)
    # Tiles of several shapes may take several kernels: equal but for rounding.
    tolerance = 0 if isinstance(device.tiling, Strips) else 1e-4
    for skipped in (1, 2, 5, 31, 32, 100, 133):
        part = pnet(level[2 * skipped :])
        np.testing.assert_allclose(part, whole[:, skipped:], rtol=0, atol=tolerance)


def test_crop_results_do_not_depend_on_the_chunks(
    crop_session: CropSession, rng: np.random.Generator
) -> None:
    side = crop_session.network.side
    crops = rng.uniform(0, 255, (53, side, side, 3)).astype(np.float32)
    together = _heads(crop_session, crops)
    alone = np.concatenate([_heads(crop_session, crop[None]) for crop in crops])
    # Another number of crops may take another matrix kernel: equal but for rounding.
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-4)


def test_crops_are_asked_for_once_each_in_order(crop_session: CropSession) -> None:
    side = crop_session.network.side
    asked: list[int] = []

    def cut(part: slice) -> Crops:
        asked.extend(range(53)[part])
        return np.zeros((len(range(53)[part]), side, side, 3), np.float32)

    crop_session(53, cut)
    assert asked == list(range(53))


def test_no_crops(crop_session: CropSession) -> None:
    side = crop_session.network.side
    heads = _heads(crop_session, np.empty((0, side, side, 3), np.float32))
    assert heads.shape == (0, {"rnet": 5, "onet": 15}[crop_session.network.name])


def test_heads_are_not_overwritten_by_the_next_call(
    pnet: ProposalSession, rng: np.random.Generator
) -> None:
    levels = rng.integers(0, 256, (2, 100, 100, 3), np.uint8)
    first = pnet(levels[0])
    kept = first.copy()
    pnet(levels[1])
    np.testing.assert_array_equal(first, kept)


THREADS = """
import os
import cv2, joblib, numpy, onnxruntime
from mtcnn_core.cascade.detector import FaceDetector
before = len(os.listdir("/proc/self/task"))
FaceDetector().detect(numpy.random.default_rng(0).integers(0, 256, (600, 800, 3), numpy.uint8))
print(len(os.listdir("/proc/self/task")) - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_a_detector_starts_no_threads() -> None:
    result = subprocess.run(
        [sys.executable, "-c", THREADS], check=True, capture_output=True, text=True
    )
    assert result.stdout.strip() == "0"


def _heads(session: CropSession, crops: Pixels) -> Heads:
    heads: Heads = session(len(crops), lambda part: crops[part])
    return heads
