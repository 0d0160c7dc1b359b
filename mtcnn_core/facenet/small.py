"""A small residual network for processors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

WIDTH = 128
SIZE = 112
# Channels of the first layer and of each block after it, all of which halve the map. Plain 3 x 3
# convolutions: they learn several times as many crops a second on a processor as MobileFaceNet's
# depthwise ones, which have fewer multiply-adds; see the README of this folder.
CHANNELS = (32, 64, 128, 256)


def _convolution(channels: int, out: int, side: int, stride: int = 1) -> nn.Sequential:
    layer = nn.Conv2d(channels, out, side, stride, side // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(out))


class Residual(nn.Module):
    """Two 3 x 3 convolutions, the first of which halves the map, beside a 1 x 1 one.

    Args:
        channels: Channels of its input.
        out: Channels of its output.
    """

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.first = _convolution(channels, out, 3, 2)
        self.second = _convolution(out, out, 3)
        self.beside = _convolution(channels, out, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Returns (n, out, h / 2, w / 2), rounded up."""
        return torch.relu(self.second(torch.relu(self.first(x))) + self.beside(x))


class Small(nn.Module):
    """The network: four times halved, then a weight for each place of the last map.

    That last convolution, a global depthwise one as MobileFaceNet has (Chen et al., 2018), knows
    where in the face a feature lies; a mean would not.

    Args:
        size: Side of its input in pixels.
    """

    def __init__(self, size: int = SIZE) -> None:
        super().__init__()
        first, *others = CHANNELS
        self.stem = nn.Sequential(_convolution(3, first, 3, 2), nn.ReLU(inplace=True))
        side, channels = -(-size // 2), first
        for number, out in enumerate(others, 1):
            self.add_module(f"block{number}", Residual(channels, out))
            side, channels = -(-side // 2), out
        self.whole = nn.Sequential(
            nn.Conv2d(channels, channels, side, groups=channels, bias=False),
            nn.BatchNorm2d(channels),
            nn.Flatten(),
        )
        self.last = nn.Sequential(nn.Linear(channels, WIDTH, bias=False), nn.BatchNorm1d(WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        """Returns vectors of length 1, float32 (n, 128), of crops (n, 3, size, size)."""
        x = self.stem(x)
        for number in range(1, len(CHANNELS)):
            x = self.get_submodule(f"block{number}")(x)
        return nn.functional.normalize(self.last(self.whole(x)).float())
