"""Named arrays -> three ONNX graphs, laid out for ONNX Runtime's blocked convolutions.

Each graph takes ``image`` ``(n, h, w, 3)`` RGB from 0 to 255 and computes what the Caffe networks
compute on ``(x - 127.5) / 128``. The differences are of form; what each gained was measured on one
AVX-512 core with ONNX Runtime 1.31:

* PReLU is written with ``relu``, which ONNX Runtime keeps in its blocked layout and ``PRelu`` does
  not (P-Net on 720x378: 30 -> 18 ms). Slopes are partly negative and some exceed 1, so
  ``max(x, slope * x)`` would be wrong.
* Channels are zero-padded to a multiple of 16, the block of the AVX-512 kernels (18 -> 14-16 ms).
* The first activation of P-Net comes after its pooling, on a quarter of the values (1.14x).
* The normalisation is folded into the first convolution, which has no padding, and the two class
  scores become one logit, ``face - background``, whose ``sigmoid`` is the softmax.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mtcnn_core.weights import PNET, Arrays, Layer, Network

OPSET = 13
IR_VERSION = 8
_CHANNEL_BLOCK = 16
# Slopes up to this can be folded into the weights without losing digits to 1 / (1 - slope).
_LARGEST_FOLDED_SLOPE = 0.95

Floats = NDArray[np.float32]


def build_graph(network: Network, arrays: Arrays) -> onnx.ModelProto:
    """Builds the ONNX graph of one network.

    Args:
        network: The architecture.
        arrays: Its weights by name, see :mod:`mtcnn_core.weights`.

    Returns:
        A model with the input ``image`` ``(n, h, w, 3)`` RGB, uint8 for P-Net (pyramid levels) and
        float32 for the others (crops), and the output ``heads``, float32: face logit, four box
        offsets and, for O-Net, five x then five y of the landmarks, as ``(n, c, rows, columns)``
        for P-Net and ``(n, c)`` for the others.
    """
    graph = _Graph()
    pixels = TensorProto.UINT8 if network is PNET else TensorProto.FLOAT
    x = graph.add("Transpose", ["image"], perm=[0, 3, 1, 2])
    if pixels != TensorProto.FLOAT:
        x = graph.add("Cast", [x], to=TensorProto.FLOAT)
    for layer in network.body:
        weight, bias = arrays[f"{layer.name}.weight"], arrays[f"{layer.name}.bias"]
        if layer is network.body[0]:
            weight, bias = _fold_normalisation(weight, bias)
        if weight.ndim == 2:
            x = graph.add("Flatten", [x])
        x = _activated(graph, x, layer, weight, bias, arrays[f"{layer.name}.slope"])
    weight, bias = _join_heads(network, arrays)
    graph.affine(x, "heads", weight, bias)
    return graph.model(network.name, pixels, weight.ndim)


def _activated(
    graph: _Graph, x: str, layer: Layer, weight: Floats, bias: Floats, slope: Floats
) -> str:
    """Adds a layer with its PReLU and pooling."""
    if layer.pool and _spare_channels(bias) >= np.count_nonzero(slope < 0):
        return _pooled_first(graph, x, layer, weight, bias, slope)
    large = np.flatnonzero(slope > _LARGEST_FOLDED_SLOPE)
    if len(large) and not (layer.pool and _spare_channels(bias) >= len(large)):
        # prelu(x) = (1 - slope) * relu(x) + slope * x.
        z = graph.affine(x, layer.name, weight, bias, pad=True)
        positive = graph.add("Relu", [z])
        positive = graph.scale(positive, layer.name + ".rest", 1 - slope, weight.ndim)
        linear = graph.scale(z, layer.name + ".slope", slope, weight.ndim)
    else:
        folded = _fold(weight, bias, slope, large)
        z = graph.affine(x, layer.name, folded.weight, folded.bias, pad=True)
        positive = graph.add("Relu", [z])
        linear = graph.scale(z, layer.name + ".slope", folded.slope, weight.ndim)
        if len(large):
            graph.unmix(large, slope[large], len(slope))
    x = graph.add("Add", [positive, linear])
    return graph.pool(x, layer.pool) if layer.pool else x


@dataclass(frozen=True)
class _Folded:
    """A layer whose activation is ``relu(z) + slope * z``, without a factor before ``relu``."""

    weight: Floats
    bias: Floats
    slope: Floats


def _fold(weight: Floats, bias: Floats, slope: Floats, large: NDArray[np.intp]) -> _Folded:
    """Takes the factor of ``relu`` into the weights.

    ``prelu(x) = relu(z) + slope / (1 - slope) * z`` with ``z = (1 - slope) * x``. A large slope
    allows no such ``z``; its channel becomes ``relu(x) + x``, a spare one ``relu(x)``. Both are
    monotonic, so they pass the pooling, and the next layer takes what it needs from the two.
    """
    rest = 1 - slope
    rest[large] = 1
    rate = slope / rest
    rate[large] = 1
    scaled = weight * rest.reshape(-1, *[1] * (weight.ndim - 1))
    return _Folded(
        np.concatenate([scaled, weight[large]]),
        np.concatenate([bias * rest, bias[large]]),
        np.concatenate([rate, np.zeros(len(large), np.float32)]),
    )


def _pooled_first(
    graph: _Graph, x: str, layer: Layer, weight: Floats, bias: Floats, slope: Floats
) -> str:
    """Adds a convolution whose PReLU is computed on the pooled values.

    A PReLU of slope >= 0 is monotonic, so it may follow the maximum. One of slope < 0 is
    ``max(x, slope * x)``: the spare channels carry ``slope * x`` through the pooling. Afterwards
    each channel is ``m`` corrected by the positive part of a linear function of the maxima.
    """
    n = len(bias)
    negative = np.flatnonzero(slope < 0)
    weight = np.concatenate([weight, weight[negative] * slope[negative, None, None, None]])
    bias = np.concatenate([bias, bias[negative] * slope[negative]])
    maxima = graph.pool(graph.affine(x, layer.name, weight, bias, pad=True), layer.pool)

    channels = _padded(len(bias))
    correction = np.zeros((channels, channels, 1, 1), np.float32)
    sign = np.zeros(channels, np.float32)
    for channel in range(n):
        # slope <= 1: m + relu((slope - 1) * m); slope > 1: m - relu((1 - slope) * m).
        correction[channel, channel] = -abs(slope[channel] - 1)
        sign[channel] = 1 if slope[channel] <= 1 else -1
    for spare, channel in enumerate(negative.tolist(), start=n):
        correction[channel, channel], correction[channel, spare] = -1, 1
    nothing = np.zeros(channels, np.float32)
    graph.mixing = np.eye(channels, dtype=np.float32)
    corrections = graph.affine(maxima, layer.name + ".late", correction, nothing)
    positive = graph.add("Relu", [corrections])
    positive = graph.scale(positive, layer.name + ".sign", sign, weight.ndim)
    graph.mixing = np.eye(n, channels, dtype=np.float32)
    return graph.add("Add", [positive, maxima])


def _padded(channels: int) -> int:
    return -(-channels // _CHANNEL_BLOCK) * _CHANNEL_BLOCK


def _spare_channels(bias: Floats) -> int:
    return _padded(len(bias)) - len(bias)


def _fold_normalisation(weight: Floats, bias: Floats) -> tuple[Floats, Floats]:
    exact = weight.astype(np.float64) / 128
    folded = bias - 127.5 * exact.sum(axis=(1, 2, 3))
    return exact.astype(np.float32), folded.astype(np.float32)


def _join_heads(network: Network, arrays: Arrays) -> tuple[Floats, Floats]:
    weights, biases = [], []
    for head in network.heads:
        weight, bias = arrays[f"{head.name}.weight"], arrays[f"{head.name}.bias"]
        if head.name == "score":
            weight, bias = weight[1:] - weight[:1], bias[1:] - bias[:1]
        weights.append(weight)
        biases.append(bias)
    return np.concatenate(weights), np.concatenate(biases)


@dataclass
class _Graph:
    """Nodes and constants while a graph is being written.

    Attributes:
        mixing: float32 ``(c, channels)``: the ``c`` channels of the last convolution as sums of
            the channels of its tensor.
    """

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    mixing: Floats = field(default_factory=lambda: np.eye(3, dtype=np.float32))

    @property
    def channels(self) -> int:
        """Channels of the last convolution's tensor."""
        return int(self.mixing.shape[1])

    def add(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        output = f"{operator.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def affine(self, x: str, name: str, weight: Floats, bias: Floats, *, pad: bool = False) -> str:
        """A convolution, its input channels padded to those there are, or a dense layer."""
        if weight.ndim == 2:
            return self.add("Gemm", [x, *self._pair(name, weight.T, bias)])
        out = _padded(len(bias)) if pad else len(bias)
        padded = np.zeros((out, self.channels, *weight.shape[2:]), np.float32)
        padded[: len(weight)] = np.einsum("oihw,ic->ochw", weight, self.mixing)
        self.mixing = np.eye(len(weight), out, dtype=np.float32)
        return self.add("Conv", [x, *self._pair(name, padded, _filled(bias, out))])

    def unmix(self, large: NDArray[np.intp], slope: Floats, channels: int) -> None:
        """Says what the large slopes' channels are made of; see :func:`_fold`.

        With ``m`` the maximum of ``x``: ``prelu(m) = slope * (relu(m) + m) + (1 - 2 * slope) *
        relu(m)``.
        """
        self.mixing = np.eye(channels, self.channels, dtype=np.float32)
        self.mixing[large, large] = slope
        self.mixing[large, channels + np.arange(len(large))] = 1 - 2 * slope

    def scale(self, x: str, name: str, factors: Floats, rank: int) -> str:
        """Each channel times its factor."""
        if rank == 4:
            factors = _filled(factors, self.channels).reshape(-1, 1, 1)
        return self.add("Mul", [x, self._constant(name, factors)])

    def pool(self, x: str, side: int) -> str:
        return self.add("MaxPool", [x], kernel_shape=[side, side], strides=[2, 2], ceil_mode=1)

    def _pair(self, name: str, weight: Floats, bias: Floats) -> tuple[str, str]:
        return self._constant(name + ".weight", weight), self._constant(name + ".bias", bias)

    def _constant(self, name: str, value: Floats) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def model(self, name: str, pixels: int, rank: int) -> onnx.ModelProto:
        """The finished model; the output of the last node is ``heads``."""
        self.nodes[-1].output[0] = "heads"
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info("image", pixels, ["n", "h", "w", 3])],
            [helper.make_tensor_value_info("heads", TensorProto.FLOAT, [None] * rank)],
            self.constants,
        )
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        return model


def _filled(values: Floats, length: int) -> Floats:
    return np.pad(values, (0, length - len(values)))
