"""The three networks of the cascade as PyTorch has them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from mtcnn_core.weights.architecture import Layer, Network
from mtcnn_core.weights.arrays import Arrays

_SLOPE = 0.25


class Heads(NamedTuple):
    """What a network says of crops.

    Attributes:
        logits: float32 ``(n,)``: how surely each is a face.
        boxes: float32 ``(n, 4)``: offsets of x1, y1, x2, y2 as fractions of the side.
        landmarks: float32 ``(n, 10)``: five x, then five y, as fractions of the side; None of a
            network without them.
    """

    logits: Tensor
    boxes: Tensor
    landmarks: Tensor | None


class CropNetwork(nn.Module):
    """A network of the cascade on crops of its own size.

    Args:
        network: The architecture.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self.layers = nn.ModuleDict({layer.name: _built(layer) for layer in network.layers})
        self.slopes = nn.ParameterDict(
            {layer.name: torch.full(layer.shape[:1], _SLOPE) for layer in network.body}
        )

    def forward(self, pixels: Tensor) -> Heads:
        """Tells what crops are.

        Args:
            pixels: ``(n, 3, side, side)`` RGB, (x - 127.5) / 128.
        """
        x = pixels
        for layer in self.network.body:
            if len(layer.shape) == 2:
                x = x.flatten(1)
            x = nn.functional.prelu(self.layers[layer.name](x), self.slopes[layer.name])
            if layer.pool:
                x = nn.functional.max_pool2d(x, layer.pool, 2, ceil_mode=True)
        found = {
            head.name: self.layers[head.name](x).flatten(1).float() for head in self.network.heads
        }
        scores = found["score"]
        return Heads(scores[:, 1] - scores[:, 0], found["boxes"], found.get("landmarks"))

    def _pair(self, layer: Layer) -> tuple[Tensor, Tensor]:
        """Weight and bias of a layer."""
        module = self.layers[layer.name]
        return module.get_parameter("weight"), module.get_parameter("bias")

    def arrays(self) -> Arrays:
        """Returns the weights as the cascade has them."""
        found = {}
        for layer in self.network.layers:
            found[f"{layer.name}.weight"], found[f"{layer.name}.bias"] = self._pair(layer)
        for layer in self.network.body:
            found[f"{layer.name}.slope"] = self.slopes[layer.name]
        return {
            name: each.detach().cpu().float().contiguous().numpy().copy()
            for name, each in found.items()
        }

    def load_arrays(self, arrays: Arrays) -> None:
        """Takes the weights of the cascade."""
        with torch.no_grad():
            for layer in self.network.layers:
                for part, held in zip(("weight", "bias"), self._pair(layer), strict=True):
                    held.copy_(_tensor(arrays, f"{layer.name}.{part}"))
            for layer in self.network.body:
                self.slopes[layer.name].copy_(_tensor(arrays, f"{layer.name}.slope"))


def start_anew(network: CropNetwork) -> None:
    """Draws weights as He et al. (2015) do for PReLU, from PyTorch's random numbers."""
    for module in network.layers.values():
        nn.init.kaiming_normal_(module.get_parameter("weight"), _SLOPE)
        nn.init.zeros_(module.get_parameter("bias"))
    for slope in network.slopes.values():
        nn.init.constant_(slope, _SLOPE)


def _built(layer: Layer) -> nn.Module:
    out, given, *kernel = layer.shape
    if kernel:
        return nn.Conv2d(given, out, kernel[0])
    return nn.Linear(given, out)


def _tensor(arrays: Arrays, name: str) -> Tensor:
    return torch.from_numpy(arrays[name].copy())
