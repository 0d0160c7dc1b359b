"""How frameworks lay out the arrays of a network, and the way from there to the order used here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.importing.arrange import Parts
from mtcnn_core.weights.architecture import Layer, Network
from mtcnn_core.weights.arrays import Arrays

Floats = NDArray[np.float32]
# Mean and scale of the pixels that a network was made for; the first is that of the others here.
PIXELS: Mapping[str, tuple[float, float]] = {
    "(x - 127.5) / 128": (127.5, 128.0),
    "x from 0 to 255": (0.0, 1.0),
    "x - 127.5": (127.5, 1.0),
    "x / 255": (0.0, 255.0),
}
BOXES = {"x1 y1 x2 y2": (0, 1, 2, 3), "y1 x1 y2 x2": (1, 0, 3, 2)}
_POINTS = np.arange(10).reshape(2, 5)
LANDMARKS = {
    "5 x, 5 y": _POINTS,
    "5 y, 5 x": _POINTS[::-1],
    "5 times x y": _POINTS.reshape(5, 2).T,
    "5 times y x": _POINTS.reshape(5, 2).T[::-1],
}


# What ONNX files of ours say of themselves. Of trained networks it cannot be told for certain how
# their images are coloured: both orders of a face that is nearly grey find it.
DESCRIPTION = (
    "Input: RGB, (x - 127.5) / 128, transposed: (n, 3, width, height). prob1: class 1 is face."
)


@dataclass(frozen=True)
class Orientation:
    """How the arrays of a network are laid out.

    Attributes:
        kernel: Axes of the kernels; with w before h they are for transposed images, or h and w
            are merely in this order.
        flatten: Order in which the first dense layer reads its input.
        colours: Order of the colours of the images, RGB or BGR.
        pixels: What is made of their pixels; a key of :data:`PIXELS`.
        slope: 1, or -1 where the files hold the negative of the slopes.
        face: Which class is face.
        boxes: Order of the offsets.
        landmarks: Order of the coordinates.
    """

    kernel: str = "oihw"
    flatten: str = "chw"
    colours: str = "RGB"
    pixels: str = "(x - 127.5) / 128"
    slope: int = 1
    face: int = 1
    boxes: str = "x1 y1 x2 y2"
    landmarks: str = "5 x, 5 y"

    def __str__(self) -> str:
        written = [f"kernels {self.kernel}", f"dense {self.flatten}", self.colours, self.pixels]
        return ", ".join([*written, f"class {self.face} is face"])


def ordered(axes: Iterable[str], wanted: str) -> list[int]:
    """Returns the places of the wanted axes among those there are."""
    places = list(axes)
    return [places.index(axis) for axis in wanted]


def arranged(network: Network, parts: list[Parts], orientation: Orientation) -> Arrays:
    """Returns the arrays of a network as they have to be, from those found and their layout."""
    arrays: dict[str, Floats] = {}
    for each in parts:
        layer, bias = each.layer, each.bias
        weight = _weight(network, each, orientation)
        if layer is network.body[0]:
            weight, bias = _for_pixels(weight, bias, orientation)
        if layer in network.heads:
            order = _head_order(layer, orientation)
            weight, bias = weight[order], bias[order]
        arrays[f"{layer.name}.weight"] = np.ascontiguousarray(weight.reshape(layer.shape))
        arrays[f"{layer.name}.bias"] = bias
        if each.slope is not None:
            arrays[f"{layer.name}.slope"] = each.slope * orientation.slope
    return arrays


def _weight(network: Network, parts: Parts, orientation: Orientation) -> Floats:
    weight, layer = parts.weight, parts.layer
    if weight.ndim == 4:
        return np.asarray(weight.transpose(ordered(orientation.kernel, "oihw")))
    if weight.shape[0] != layer.shape[0]:
        weight = weight.T
    if layer.name != "dense":
        return weight
    channels = network.body[network.body.index(layer) - 1].shape[0]
    side = round((layer.shape[1] / channels) ** 0.5)
    sides = [channels if axis == "c" else side for axis in orientation.flatten]
    axes = [1 + axis for axis in ordered(orientation.flatten, "chw")]
    return np.asarray(weight.reshape(-1, *sides).transpose(0, *axes))


def _for_pixels(weight: Floats, bias: Floats, orientation: Orientation) -> tuple[Floats, Floats]:
    """The first layer for RGB images of (x - 127.5) / 128."""
    if orientation.colours == "BGR":
        weight = weight[:, ::-1]
    mean, scale = PIXELS[orientation.pixels]
    own_mean, own_scale = next(iter(PIXELS.values()))
    if (mean, scale) == (own_mean, own_scale):
        return weight, bias
    exact = weight.astype(np.float64) / scale
    bias = (bias + (own_mean - mean) * exact.sum(axis=(1, 2, 3))).astype(np.float32)
    return (exact * own_scale).astype(np.float32), bias


def _head_order(layer: Layer, orientation: Orientation) -> list[int]:
    if layer.name == "score":
        return [0, 1] if orientation.face == 1 else [1, 0]
    order = BOXES[orientation.boxes] if layer.name == "boxes" else LANDMARKS[orientation.landmarks]
    return [int(place) for place in np.ravel(order)]
