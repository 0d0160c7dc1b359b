"""dlib's face recognition network as ONNX."""

from __future__ import annotations

from mtcnn_core.cache import cached
from mtcnn_core.embedding.dlib_file import DlibNetwork, read_dlib
from mtcnn_core.embedding.graph import EmbeddingGraph

SIZE = 150
# Raise it whenever another graph is written for the same file.
_LAYOUT_VERSION = 1


def dlib_graph(data: bytes, digest: str) -> bytes:
    """Returns the graph, from the cache or newly built.

    Args:
        data: Contents of dlib's ``.dat``.
        digest: SHA-256 of it.

    Raises:
        mtcnn_core.embedding.errors.EmbeddingError: The file holds another network.
    """
    name = f"graphs/dlib-{_LAYOUT_VERSION}-{digest[:32]}.zip"
    return cached(name, lambda: build_graph(read_dlib(data)))


def build_graph(network: DlibNetwork) -> bytes:
    """Builds the graph of the network.

    Takes RGB with dlib's means taken off, divided by 256. A block that halves the map has its
    shortcut averaged over 2 x 2; where its two sides differ, in channels or in a row and column,
    the smaller is filled up with zeros.
    """
    graph = EmbeddingGraph()
    x = graph.relu(graph.convolution("image", network.first.weight, network.first.bias, 2))
    side = ((SIZE - 7) // 2 + 1 - 3) // 2 + 1
    x = graph.pool("MaxPool", x, 3, 2)
    for block in network.blocks:
        filters, channels = block.first.weight.shape[:2]
        stride, padding = (2, (0, 0)) if block.halves else (1, (1, 1))
        y = graph.convolution(x, block.first.weight, block.first.bias, stride, padding)
        y = graph.convolution(graph.relu(y), block.second.weight, block.second.bias, padding=(1, 1))
        if block.halves:
            computed, side = (side - 3) // 2 + 1, side // 2
            y = graph.filled(y, pixels=side - computed)
            x = graph.filled(graph.pool("AveragePool", x, 2, 2), channels=filters - channels)
        x = graph.relu(graph.add("Add", [y, x]))
    x = graph.add("Flatten", [graph.add("GlobalAveragePool", [x])])
    graph.add("MatMul", [x, graph.constant(network.last)])
    return graph.finished(SIZE, network.last.shape[1])
