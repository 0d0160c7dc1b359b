"""Named arrays -> three ONNX graphs, laid out for ONNX Runtime's blocked convolutions.

Each graph takes ``image`` ``(n, h, w, 3)`` RGB from 0 to 255 and computes what the Caffe networks
compute on ``(x - 127.5) / 128``. The differences are of form; what each gained was measured on one
AVX-512 core with ONNX Runtime 1.31:

* PReLU is written with ``relu``, which ONNX Runtime keeps in its blocked layout and ``PRelu`` does
  not (P-Net on 720x378: 30 -> 18 ms). Slopes are partly negative and some exceed 1, so
  ``max(x, slope * x)`` would be wrong.
* Channels are zero-padded to a multiple of 16, the block of the AVX-512 kernels (18 -> 14-16 ms).
* The first activation of P-Net comes after its pooling, on a quarter of the values (P-Net 1.14x).
* Elsewhere the factor of ``relu`` is folded into the weights (P-Net 1.03x, R-Net and O-Net 1.07x).
* The normalisation is folded into the first convolution, which has no padding, and the two class
  scores become one logit, ``face - background``, whose ``sigmoid`` is the softmax.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from mtcnn_core.engines.graph_writer import Floats, GraphWriter, padded
from mtcnn_core.weights import PNET, Arrays, Layer, Network
from mtcnn_core.weights.heads import join_heads

# Slopes up to this can be folded into the weights without losing digits to 1 / (1 - slope).
_LARGEST_FOLDED_SLOPE = 0.95


def build_graph(network: Network, arrays: Arrays, *, centre: int = 0) -> onnx.ModelProto:
    """Builds the ONNX graph of one network.

    Args:
        network: The architecture.
        arrays: Its weights by name, see :mod:`mtcnn_core.weights`.
        centre: Taken off the pixels before the first convolution. Without it, that works on values
            far from 0, which costs digits that bfloat16 does not have.

    Returns:
        A model with the input ``image`` ``(n, h, w, 3)`` RGB, uint8 for P-Net (pyramid levels) and
        float32 for the others (crops), and the output ``heads``, float32: face logit, four box
        offsets and, for O-Net, five x then five y of the landmarks, as ``(n, c, rows, columns)``
        for P-Net and ``(n, c)`` for the others.
    """
    graph = GraphWriter()
    pixels = TensorProto.UINT8 if network is PNET else TensorProto.FLOAT
    x = graph.add("Transpose", ["image"], perm=[0, 3, 1, 2])
    if pixels != TensorProto.FLOAT:
        x = graph.add("Cast", [x], to=TensorProto.FLOAT)
    if centre:
        x = graph.shift(x, "centre", -centre)
    for layer in network.body:
        weight, bias = arrays[f"{layer.name}.weight"], arrays[f"{layer.name}.bias"]
        if layer is network.body[0]:
            weight, bias = _fold_normalisation(weight, bias, centre)
        if weight.ndim == 2:
            x = graph.add("Flatten", [x])
        x = _activated(graph, x, layer, weight, bias, arrays[f"{layer.name}.slope"])
    weight, bias = join_heads(network, arrays)
    graph.affine(x, "heads", weight, bias)
    return graph.model(network.name, pixels, weight.ndim)


def _activated(
    graph: GraphWriter, x: str, layer: Layer, weight: Floats, bias: Floats, slope: Floats
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
            graph.mixing = _mixing(large, slope, graph.channels)
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


def _mixing(large: NDArray[np.intp], slope: Floats, channels: int) -> Floats:
    """What the channels of a folded layer are made of.

    With ``m`` the maximum of ``x``, those with a large slope:
    ``prelu(m) = slope * (relu(m) + m) + (1 - 2 * slope) * relu(m)``.
    """
    mixing = np.eye(len(slope), channels, dtype=np.float32)
    mixing[large, large] = slope[large]
    mixing[large, len(slope) + np.arange(len(large))] = 1 - 2 * slope[large]
    return mixing


def _pooled_first(
    graph: GraphWriter, x: str, layer: Layer, weight: Floats, bias: Floats, slope: Floats
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

    channels = padded(len(bias))
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


def _spare_channels(bias: Floats) -> int:
    return padded(len(bias)) - len(bias)


def _fold_normalisation(weight: Floats, bias: Floats, centre: int) -> tuple[Floats, Floats]:
    exact = weight.astype(np.float64) / 128
    folded = bias - (127.5 - centre) * exact.sum(axis=(1, 2, 3))
    return exact.astype(np.float32), folded.astype(np.float32)
