"""Strips and chunks: the pieces a network is fed in cannot be seen in its results."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from mtcnn_core.devices import DEVICES
from mtcnn_core.sessions import CropSession, ProposalSession
from mtcnn_core.stopwatch import Stopwatch
from mtcnn_core.weights import ONET, RNET, Network, load_default
from tests.oracle import PlainNetwork

Pixels = NDArray[np.uint8]
Crops = NDArray[np.float32]
Heads = NDArray[np.float32]


@pytest.fixture(scope="module")
def pnet() -> ProposalSession:
    return ProposalSession(load_default(), DEVICES["cpu"], Stopwatch())


@pytest.fixture(scope="module", params=[RNET, ONET], ids=lambda network: network.name)
def crop_session(request: pytest.FixtureRequest) -> CropSession:
    network: Network = request.param
    return CropSession(network, load_default(), DEVICES["cpu"], Stopwatch())


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
def test_pnet_results_do_not_depend_on_the_strips(
    width: int, pnet: ProposalSession, rng: np.random.Generator
) -> None:
    # Without its first rows, a level is cut into strips at other places.
    level = rng.integers(0, 256, (300, width, 3), np.uint8)
    whole = pnet(level)
    for skipped in (1, 2, 5, 31, 32, 100, 133):
        np.testing.assert_array_equal(pnet(level[2 * skipped :]), whole[:, skipped:])


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


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_a_detector_starts_no_threads() -> None:
    code = """
import os
import cv2, joblib, numpy, onnxruntime
from mtcnn_core.cascade import FaceDetector
before = len(os.listdir("/proc/self/task"))
FaceDetector().detect(numpy.random.default_rng(0).integers(0, 256, (600, 800, 3), numpy.uint8))
print(len(os.listdir("/proc/self/task")) - before)
"""
    result = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert result.stdout.strip() == "0"


def _heads(session: CropSession, crops: Pixels) -> Heads:
    heads: Heads = session(len(crops), lambda part: crops[part])
    return heads
