"""Built graphs, kept in the per-user cache so that a worker starts without building them."""

from __future__ import annotations

import hashlib

from mtcnn_core.cache import cached
from mtcnn_core.weights import Network, Weights

# Raise it whenever networks.py writes another graph for the same weights.
LAYOUT_VERSION = 5


def graph_bytes(network: Network, weights: Weights, *, centre: int = 0) -> bytes:
    """Returns the serialised ONNX graph of a network, from the cache or newly built.

    Args:
        network: The architecture.
        weights: Its weights.
        centre: See :func:`mtcnn_core.engines.networks.build_graph`.
    """

    def build() -> bytes:
        # Imported here: a worker that finds its graphs in the cache saves the 0.2 s of this import.
        from mtcnn_core.engines.networks import build_graph

        graph = build_graph(network, weights[network.name], centre=centre)
        data: bytes = graph.SerializeToString(deterministic=True)
        return data

    return cached(_name(network, weights, centre), build)


def _name(network: Network, weights: Weights, centre: int) -> str:
    key = f"{LAYOUT_VERSION} {network.name} {weights.digests[network.name]} {centre}"
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f"graphs/{network.name}-{digest[:32]}.zip"
