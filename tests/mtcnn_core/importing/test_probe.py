"""The networks with changing weights are those of the oracle."""

import numpy as np
import pytest

from mtcnn_core.importing.probe import convolved, heads
from mtcnn_core.weights import NETWORKS, Network
from mtcnn_core.weights.original import load_default
from tests.oracle import PlainNetwork


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_heads_are_those_of_the_oracle(network: Network, rng: np.random.Generator) -> None:
    images = rng.integers(0, 256, (4, network.side, network.side, 3)).astype(np.uint8)
    arrays = load_default()[network.name]
    found = heads(network, arrays, convolved(network, arrays, images.astype(np.float32)))
    expected = PlainNetwork(network, load_default())(images)
    for head in network.heads:
        if head.name != "score":
            whole = np.asarray(expected[head.name]).reshape(4, -1)
            np.testing.assert_allclose(found[head.name], whole, atol=1e-4)
