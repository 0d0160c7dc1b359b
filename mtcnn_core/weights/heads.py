"""The heads of a network as one layer, with one logit in place of two class scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.weights.architecture import Network
from mtcnn_core.weights.arrays import Arrays

Floats = NDArray[np.float32]


def count_heads(network: Network) -> int:
    """Returns the outputs of :func:`join_heads`."""
    return sum(head.shape[0] for head in network.heads) - 1


def join_heads(network: Network, arrays: Arrays) -> tuple[Floats, Floats]:
    """Returns weight and bias of the face logit, box offsets and, for O-Net, landmarks.

    The logit is ``face - background``: its ``sigmoid`` is the softmax of the two.
    """
    weights, biases = [], []
    for head in network.heads:
        weight, bias = arrays[f"{head.name}.weight"], arrays[f"{head.name}.bias"]
        if head.name == "score":
            weight, bias = weight[1:] - weight[:1], bias[1:] - bias[:1]
        weights.append(weight)
        biases.append(bias)
    return np.concatenate(weights), np.concatenate(biases)
