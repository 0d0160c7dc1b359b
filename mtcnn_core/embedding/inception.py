"""facenet-pytorch's Inception-ResNet-v1: from the arrays of its ``state_dict`` to ONNX.

The network of Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of Residual
Connections on Learning" (2016), with 512 numbers a face, as facenet-pytorch 2.6.0 defines it.
Batch normalisation is folded into the convolutions before it, and the factors of the residuals into
their last convolutions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.embedding.errors import EmbeddingError
from mtcnn_core.embedding.graph import EmbeddingGraph

Floats = NDArray[np.float32]

SIZE, WIDTH = 160, 512
# Taken from facenet-pytorch, as all sides and factors here.
_EPSILON = 1e-3
# The array by which the network is known, and its shape.
_FIRST = "conv2d_1a.conv.weight"


def is_inception(names: Sequence[str]) -> bool:
    """Tells by the names of its arrays whether a file holds the network."""
    return any(name.endswith(_FIRST) for name in names)


def build_graph(arrays: Mapping[str, NDArray[np.floating]]) -> bytes:
    """Builds the graph of the network, for crops of 160 pixels.

    Args:
        arrays: Name in the ``state_dict`` -> array; the classes of the training are left aside, and
            so is what stands before all names.

    Raises:
        EmbeddingError: An array is missing, has another shape, or is not finite.
    """
    before = next(name for name in arrays if name.endswith(_FIRST)).removesuffix(_FIRST)
    network = _Inception({name.removeprefix(before): array for name, array in arrays.items()})
    return network.build()


class _Inception:
    """The graph while it is being written."""

    def __init__(self, arrays: Mapping[str, NDArray[np.floating]]) -> None:
        self._arrays = arrays
        self._graph = EmbeddingGraph()

    def build(self) -> bytes:
        x = self._basic("image", "conv2d_1a", (32, 3, 3, 3), 2)
        x = self._basic(x, "conv2d_2a", (32, 32, 3, 3))
        x = self._basic(x, "conv2d_2b", (64, 32, 3, 3), padded=True)
        x = self._graph.pool("MaxPool", x, 3, 2)
        x = self._basic(x, "conv2d_3b", (80, 64, 1, 1))
        x = self._basic(x, "conv2d_4a", (192, 80, 3, 3))
        x = self._basic(x, "conv2d_4b", (256, 192, 3, 3), 2)
        for number in range(5):
            x = self._block35(x, f"repeat_1.{number}")
        x = self._mixed_6a(x)
        for number in range(10):
            x = self._block17(x, f"repeat_2.{number}")
        x = self._mixed_7a(x)
        for number in range(5):
            x = self._graph.relu(self._block8(x, f"repeat_3.{number}", 0.2))
        x = self._block8(x, "block8", 1.0)
        self._head(self._graph.add("Flatten", [self._graph.add("GlobalAveragePool", [x])]))
        return self._graph.finished(SIZE, WIDTH)

    def _block35(self, x: str, name: str) -> str:
        branches = [
            self._basic(x, f"{name}.branch0", (32, 256, 1, 1)),
            self._chain(x, f"{name}.branch1", 256, [(32, 1, 1), (32, 3, 3)]),
            self._chain(x, f"{name}.branch2", 256, [(32, 1, 1), (32, 3, 3), (32, 3, 3)]),
        ]
        return self._graph.relu(self._residual(x, name, branches, (256, 96, 1, 1), 0.17))

    def _block17(self, x: str, name: str) -> str:
        branches = [
            self._basic(x, f"{name}.branch0", (128, 896, 1, 1)),
            self._chain(x, f"{name}.branch1", 896, [(128, 1, 1), (128, 1, 7), (128, 7, 1)]),
        ]
        return self._graph.relu(self._residual(x, name, branches, (896, 256, 1, 1), 0.1))

    def _block8(self, x: str, name: str, factor: float) -> str:
        branches = [
            self._basic(x, f"{name}.branch0", (192, 1792, 1, 1)),
            self._chain(x, f"{name}.branch1", 1792, [(192, 1, 1), (192, 1, 3), (192, 3, 1)]),
        ]
        return self._residual(x, name, branches, (1792, 384, 1, 1), factor)

    def _mixed_6a(self, x: str) -> str:
        second = self._chain(x, "mixed_6a.branch1", 256, [(192, 1, 1), (192, 3, 3)])
        branches = [
            self._basic(x, "mixed_6a.branch0", (384, 256, 3, 3), 2),
            self._basic(second, "mixed_6a.branch1.2", (256, 192, 3, 3), 2),
            self._graph.pool("MaxPool", x, 3, 2),
        ]
        return self._graph.add("Concat", branches, axis=1)

    def _mixed_7a(self, x: str) -> str:
        branches = []
        for number, (out, between) in enumerate([(384, 0), (256, 0), (256, 1)]):
            name = f"mixed_7a.branch{number}"
            y = self._chain(x, name, 896, [(256, 1, 1), *[(256, 3, 3)] * between])
            branches.append(self._basic(y, f"{name}.{1 + between}", (out, 256, 3, 3), 2))
        branches.append(self._graph.pool("MaxPool", x, 3, 2))
        return self._graph.add("Concat", branches, axis=1)

    def _chain(
        self, x: str, name: str, channels: int, layers: Sequence[tuple[int, int, int]]
    ) -> str:
        """Convolutions of (filters, rows, columns) that keep the size of the map."""
        for number, (filters, *sides) in enumerate(layers):
            x = self._basic(x, f"{name}.{number}", (filters, channels, *sides), padded=True)
            channels = filters
        return x

    def _basic(
        self, x: str, name: str, shape: tuple[int, ...], stride: int = 1, *, padded: bool = False
    ) -> str:
        """A convolution, its batch normalisation, and ReLU."""
        factor, shift = self._norm(f"{name}.bn", shape[0])
        weight = self._take(f"{name}.conv.weight", shape) * factor[:, None, None, None]
        padding = (shape[2] // 2, shape[3] // 2) if padded else (0, 0)
        return self._graph.relu(
            self._graph.convolution(x, _single(weight), _single(shift), stride, padding)
        )

    def _residual(
        self,
        x: str,
        name: str,
        branches: Sequence[str],
        shape: tuple[int, int, int, int],
        factor: float,
    ) -> str:
        weight = factor * self._take(f"{name}.conv2d.weight", shape)
        bias = factor * self._take(f"{name}.conv2d.bias", shape[:1])
        joined = self._graph.add("Concat", branches, axis=1)
        y = self._graph.convolution(joined, _single(weight), _single(bias))
        return self._graph.add("Add", [y, x])

    def _head(self, x: str) -> None:
        """The dense layer and its batch normalisation; the length is left as it is."""
        factor, shift = self._norm("last_bn", WIDTH)
        weight = self._take("last_linear.weight", (WIDTH, 1792)) * factor[:, None]
        constants = [self._graph.constant(_single(each)) for each in (weight.T, shift)]
        self._graph.add("Gemm", [x, *constants])

    def _norm(self, name: str, channels: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Factor and shift of each channel."""
        gamma, beta, mean, variance = (
            self._take(f"{name}.{part}", (channels,))
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = gamma / np.sqrt(variance + _EPSILON)
        return factor, beta - mean * factor

    def _take(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
        array = self._arrays.get(name)
        if array is None or array.shape != shape or not np.isfinite(array).all():
            found = "missing" if array is None else f"of the shape {array.shape} or not finite"
            raise EmbeddingError(
                f"the array {name} is {found}, where Inception-ResNet-v1 has {shape}: give a "
                "state_dict of facenet-pytorch"
            )
        return array.astype(np.float64)


def _single(array: NDArray[np.float64]) -> Floats:
    return np.ascontiguousarray(array, np.float32)
