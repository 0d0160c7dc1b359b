"""The original weights in other layouts: the tensors of a network as other frameworks hold them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.importing.layouts import BOXES, LANDMARKS, PIXELS, Orientation
from mtcnn_core.weights import NETWORKS, Layer, Network
from mtcnn_core.weights.arrays import Weights
from mtcnn_core.weights.original import load_default
from mtcnn_core.weights.pickles.tensors import Tensor

Floats = NDArray[np.float32]
# Layer name -> weight, bias and, unless it is a head, slope.
Layers = dict[str, list[Floats]]

TORCH_NAMES = ("weight", "bias", "weight")

OWN = Orientation()
CAFFE = Orientation(kernel="oiwh", flatten="cwh")
TENSORFLOW = Orientation(kernel="whio", flatten="whc")
UPRIGHT_TENSORFLOW = Orientation(kernel="hwio", flatten="whc")
TORCH = Orientation(flatten="whc")


def laid_out(
    network: Network, orientation: Orientation = OWN, weights: Weights | None = None
) -> Layers:
    """The arrays of a network in a layout: what `arranged` undoes, written the other way round."""
    arrays = (weights or load_default())[network.name]
    found: Layers = {}
    channels = 3
    for layer in network.layers:
        weight, bias = arrays[f"{layer.name}.weight"], arrays[f"{layer.name}.bias"]
        if layer is network.body[0]:
            weight, bias = _for_pixels(weight, bias, orientation)
        weight, bias = _heads(layer, weight, bias, orientation)
        if weight.ndim == 4:
            weight = weight.transpose(["oihw".index(axis) for axis in orientation.kernel])
        elif layer.name == "dense":
            weight = _flattened(weight, channels, orientation.flatten)
        if weight.ndim == 2 and orientation.kernel.endswith("o"):
            weight = weight.T
        parts = [np.ascontiguousarray(weight), np.ascontiguousarray(bias)]
        if layer in network.body:
            parts.append(arrays[f"{layer.name}.slope"] * orientation.slope)
        found[layer.name] = parts
        channels = layer.shape[0]
    return found


def _for_pixels(weight: Floats, bias: Floats, orientation: Orientation) -> tuple[Floats, Floats]:
    mean, scale = PIXELS[orientation.pixels]
    if (mean, scale) != (127.5, 128.0):
        # (x - 127.5) / 128 = ((x - mean) / scale * scale + mean - 127.5) / 128
        bias = (bias + (mean - 127.5) / 128 * weight.sum((1, 2, 3), np.float64)).astype(np.float32)
        weight = (weight * (scale / 128)).astype(np.float32)
    return (weight[:, ::-1] if orientation.colours == "BGR" else weight), bias


def _heads(
    layer: Layer, weight: Floats, bias: Floats, orientation: Orientation
) -> tuple[Floats, Floats]:
    order: NDArray[np.intp] | list[int] = list(range(len(bias)))
    if layer.name == "score" and orientation.face == 0:
        order = [1, 0]
    if layer.name == "boxes":
        order = np.argsort(BOXES[orientation.boxes])
    if layer.name == "landmarks":
        order = np.argsort(np.ravel(LANDMARKS[orientation.landmarks]))
    return weight[order], bias[order]


def _flattened(weight: Floats, channels: int, order: str) -> Floats:
    side = round((weight.shape[1] / channels) ** 0.5)
    whole = weight.reshape(-1, channels, side, side)
    return whole.transpose(0, *(1 + "chw".index(axis) for axis in order)).reshape(len(weight), -1)


def named(layers: Layers, names: tuple[str, str, str]) -> dict[str, dict[str, Floats]]:
    """Layers with names of their arrays, PReLUs as layers of their own."""
    found: dict[str, dict[str, Floats]] = {}
    for number, (name, parts) in enumerate(layers.items(), 1):
        found[name] = dict(zip(names, parts[:2], strict=False))
        if len(parts) == 3:
            found[f"prelu{number}"] = {names[2]: parts[2]}
    return found


def flat(layers: Layers) -> list[Floats]:
    """All arrays in order."""
    return [array for parts in layers.values() for array in parts]


def tensors(network: Network, layers: Layers) -> list[Tensor]:
    """As a reader hands them on."""
    return [
        Tensor((network.name, layer, name), array)
        for layer, arrays in named(layers, ("weight", "bias", "slope")).items()
        for name, array in arrays.items()
    ]


def perturbed(rng: np.random.Generator, share: float) -> Weights:
    """Weights as they might be after more training."""
    return Weights(
        {
            network.name: {
                name: (array * (1 + share * rng.standard_normal(array.shape))).astype(np.float32)
                for name, array in load_default()[network.name].items()
            }
            for network in NETWORKS
        }
    )


def equal(found: Weights, expected: Weights) -> Mapping[str, bool]:
    return {name: digest == expected.digests[name] for name, digest in found.digests.items()}


def by_network(
    orientation: Orientation, weights: Weights | None
) -> dict[str, tuple[Network, Layers]]:
    """Network name -> the network and its layers in a layout."""
    return {n.name: (n, laid_out(n, orientation, weights)) for n in NETWORKS}
