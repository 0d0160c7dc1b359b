"""Each ONNX graph against the same network in plain NumPy."""

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from mtcnn_core.engines.networks import build_graph
from mtcnn_core.weights import NETWORKS, ONET, PNET, RNET, Network
from mtcnn_core.weights.arrays import Weights
from mtcnn_core.weights.original import load_default
from tests.oracle import PlainNetwork

Pixels = NDArray[np.uint8]


def _random(rng: np.random.Generator, *shape: int) -> Pixels:
    return rng.integers(0, 256, shape, np.uint8)


def _run(network: Network, weights: Weights, images: Pixels) -> NDArray[np.float32]:
    model = build_graph(network, weights[network.name]).SerializeToString()
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    dtype = np.uint8 if network is PNET else np.float32
    heads: NDArray[np.float32] = session.run(["heads"], {"image": images.astype(dtype)})[0]
    return heads


def _plain(network: Network, weights: Weights, images: Pixels) -> NDArray[np.float64]:
    """The heads as the graphs give them: one logit, boxes, landmarks; channels second."""
    heads = PlainNetwork(network, weights)(images)
    parts = [heads["score"][..., 1:] - heads["score"][..., :1], heads["boxes"]]
    if "landmarks" in heads:
        parts.append(heads["landmarks"])
    return np.moveaxis(np.concatenate(parts, axis=-1), -1, 1)


@pytest.mark.parametrize(
    "shape",
    [
        (1, 12, 12, 3),
        (1, 13, 12, 3),
        (1, 12, 13, 3),
        (1, 15, 17, 3),
        (1, 12, 301, 3),
        (1, 222, 13, 3),
        (2, 64, 97, 3),
    ],
    ids=str,
)
def test_pnet(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    images = _random(rng, *shape)
    _assert_equal(PNET, load_default(), images)


@pytest.mark.parametrize("network", [RNET, ONET], ids=lambda network: network.name)
@pytest.mark.parametrize("count", [1, 2, 17])
def test_crop_networks(network: Network, count: int, rng: np.random.Generator) -> None:
    _assert_equal(network, load_default(), _random(rng, count, network.side, network.side, 3))


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
@pytest.mark.parametrize("value", [0, 255])
def test_uniform_images(network: Network, value: int) -> None:
    images = np.full((1, network.side, network.side, 3), value, np.uint8)
    _assert_equal(network, load_default(), images)


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_the_centre_changes_nothing_but_rounding(
    network: Network, rng: np.random.Generator
) -> None:
    arrays = load_default()[network.name]
    images = _random(rng, 2, network.side, network.side, 3)
    images = images if network is PNET else images.astype(np.float32)
    plain, centred = (
        ort.InferenceSession(
            build_graph(network, arrays, centre=centre).SerializeToString(),
            providers=["CPUExecutionProvider"],
        ).run(["heads"], {"image": images})[0]
        for centre in (0, 128)
    )
    np.testing.assert_allclose(centred, plain, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_any_slopes(network: Network, rng: np.random.Generator) -> None:
    """PReLU with slopes below 0, between 0 and 1, and above 1."""
    weights = load_default()
    arrays = {
        name: rng.uniform(-1.5, 1.5, array.shape).astype(np.float32)
        if name.endswith(".slope")
        else array
        for name, array in weights[network.name].items()
    }
    changed = Weights({**weights.arrays, network.name: arrays})
    _assert_equal(network, changed, _random(rng, 2, network.side, network.side, 3))


def test_a_pnet_cell_sees_twelve_pixels(rng: np.random.Generator) -> None:
    image = _random(rng, 1, 30, 34, 3)
    heads = _run(PNET, load_default(), image)
    for row in range(heads.shape[2]):
        for column in range(heads.shape[3]):
            patch = image[:, 2 * row : 2 * row + 12, 2 * column : 2 * column + 12]
            cell = _plain(PNET, load_default(), patch)
            np.testing.assert_allclose(heads[:, :, row, column], cell[:, :, 0, 0], atol=1e-4)


def _assert_equal(network: Network, weights: Weights, images: Pixels) -> None:
    expected = _plain(network, weights, images)
    found = _run(network, weights, images)
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)
