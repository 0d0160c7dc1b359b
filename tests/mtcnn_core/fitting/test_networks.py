"""The networks as PyTorch has them, beside those that the cascade runs."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from mtcnn_core.engines.networks import build_graph  # noqa: E402
from mtcnn_core.fitting.networks import CropNetwork, start_anew  # noqa: E402
from mtcnn_core.importing.export import public_graph  # noqa: E402
from mtcnn_core.weights import NETWORKS, Network  # noqa: E402
from mtcnn_core.weights.load import load_weights  # noqa: E402


def _pixels(network: Network, count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, network.side, network.side, 3)).astype(np.float32)


def _heads(model: CropNetwork, pixels: np.ndarray) -> np.ndarray:
    given = torch.from_numpy((pixels - 127.5) / 128).permute(0, 3, 1, 2)
    with torch.no_grad():
        found = model(given)
    parts = [found.logits[:, None], found.boxes]
    return torch.cat(parts if found.landmarks is None else [*parts, found.landmarks], 1).numpy()


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_the_original_weights_say_what_the_cascade_hears(network: Network) -> None:
    weights = load_weights("original")
    model = CropNetwork(network)
    model.load_arrays(weights[network.name])
    pixels = _pixels(network, 1000)
    graph = build_graph(network, weights[network.name]).SerializeToString()
    session = ort.InferenceSession(graph)
    if network.name == "pnet":
        pixels = pixels.astype(np.uint8)

    [heads] = session.run(["heads"], {"image": pixels})

    found = _heads(model, pixels.astype(np.float32))
    np.testing.assert_allclose(found, heads.reshape(1000, -1), atol=1e-4)


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_what_was_drawn_says_in_onnx_what_it_says_here(network: Network) -> None:
    torch.manual_seed(1)
    model = CropNetwork(network)
    start_anew(model)
    pixels = _pixels(network, 1000)
    session = ort.InferenceSession(public_graph(network, model.arrays()).SerializeToString())

    given = ((pixels - 127.5) / 128).transpose(0, 3, 2, 1)
    outputs = session.run(None, {"data": np.ascontiguousarray(given)})

    found = _heads(model, pixels)
    faces = 1 / (1 + np.exp(-found[:, 0]))
    np.testing.assert_allclose(outputs[0].reshape(1000, 2)[:, 1], faces, atol=1e-4)
    np.testing.assert_allclose(outputs[1].reshape(1000, 4), found[:, 1:5], atol=1e-4)


def test_arrays_come_back_as_they_were() -> None:
    weights = load_weights("original")
    for network in NETWORKS:
        model = CropNetwork(network)
        model.load_arrays(weights[network.name])
        back = model.arrays()
        assert back.keys() == weights[network.name].keys()
        for name, array in weights[network.name].items():
            np.testing.assert_array_equal(back[name], array)
