"""The Inception network that FaceNet's paper calls NN2 (Schroff et al., 2015, table 2)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

WIDTH = 128
SIZE = 224
# Below the least that a float32 of an activation can tell; keeps the slope of a root finite.
_TINY = 1e-12


class Block(NamedTuple):
    """A row of the table: channels of the branches of an Inception block.

    Attributes:
        ones: Channels of the 1 x 1 convolution; 0 is none.
        reduce3: Channels before the 3 x 3 convolution.
        threes: Channels of the 3 x 3 convolution.
        reduce5: Channels before the 5 x 5 convolution.
        fives: Channels of the 5 x 5 convolution.
        pool: "max" or "l2".
        projected: Channels that what is pooled is brought to; 0 leaves it as it is.
        stride: Stride of the last layer of each branch.
    """

    ones: int
    reduce3: int
    threes: int
    reduce5: int
    fives: int
    pool: str
    projected: int
    stride: int = 1

    @property
    def channels(self) -> int:
        """Channels of what is computed; without those that are only pooled."""
        return self.ones + self.threes + self.fives + self.projected


# Name in the table -> block; what comes before 3a is written out below.
BLOCKS: dict[str, Block] = {
    "3a": Block(64, 96, 128, 16, 32, "max", 32),
    "3b": Block(64, 96, 128, 32, 64, "l2", 64),
    "3c": Block(0, 128, 256, 32, 64, "max", 0, 2),
    "4a": Block(256, 96, 192, 32, 64, "l2", 128),
    "4b": Block(224, 112, 224, 32, 64, "l2", 128),
    "4c": Block(192, 128, 256, 32, 64, "l2", 128),
    "4d": Block(160, 144, 288, 32, 64, "l2", 128),
    "4e": Block(0, 160, 256, 64, 128, "max", 0, 2),
    "5a": Block(384, 192, 384, 48, 128, "l2", 128),
    "5b": Block(384, 192, 384, 48, 128, "max", 128),
}


class L2Pool(nn.Module):
    """Pooling by the root of the summed squares over a window of 3 x 3, with stride 1."""

    def forward(self, x: Tensor) -> Tensor:
        """Returns the same shape, (n, c, h, w)."""
        sums = 9 * nn.functional.avg_pool2d(x.square(), 3, 1, 1, count_include_pad=True)
        return torch.sqrt(sums + _TINY)


class Inception(nn.Module):
    """Branches of 1 x 1, 3 x 3 and 5 x 5 convolutions and of pooling, side by side.

    Args:
        channels: Channels of its input.
        block: Channels of its branches.
    """

    def __init__(self, channels: int, block: Block) -> None:
        super().__init__()
        branches: list[nn.Module] = []
        if block.ones:
            branches.append(convolution(channels, block.ones, 1))
        branches.append(_reduced(channels, block.reduce3, block.threes, 3, block.stride))
        branches.append(_reduced(channels, block.reduce5, block.fives, 5, block.stride))
        pool = L2Pool() if block.pool == "l2" else nn.MaxPool2d(3, block.stride, 1)
        project = convolution(channels, block.projected, 1) if block.projected else nn.Identity()
        branches.append(nn.Sequential(pool, project))
        self.branches = nn.ModuleList(branches)
        self.channels = block.channels + (0 if block.projected else channels)

    def forward(self, x: Tensor) -> Tensor:
        """Returns (n, channels, h, w), with h and w halved where the stride is 2."""
        return torch.cat([branch(x) for branch in self.branches], 1)


def convolution(
    channels: int, out: int, side: int, stride: int = 1, *, padding: int | None = None
) -> nn.Sequential:
    """Returns a convolution that keeps the map's size but for its stride, and a ReLU."""
    layer = nn.Conv2d(channels, out, side, stride, side // 2 if padding is None else padding)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return nn.Sequential(layer, nn.ReLU(inplace=True))


def _reduced(channels: int, reduced: int, out: int, side: int, stride: int) -> nn.Sequential:
    return nn.Sequential(convolution(channels, reduced, 1), convolution(reduced, out, side, stride))


class NN2(nn.Module):
    """The network; its parts are called as in the table.

    Any input of 32 pixels or more will do: the last map is averaged, whatever its size.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = convolution(3, 64, 7, 2)
        self.pool1 = nn.Sequential(nn.MaxPool2d(3, 2, 1), nn.LocalResponseNorm(5))
        self.inception2 = _reduced(64, 64, 192, 3, 1)
        self.pool2 = nn.Sequential(nn.LocalResponseNorm(5), nn.MaxPool2d(3, 2, 1))
        channels = 192
        for name, block in BLOCKS.items():
            inception = Inception(channels, block)
            self.add_module(f"inception{name}", inception)
            channels = inception.channels
        self.fully_connected = nn.Linear(channels, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """Returns vectors of length 1, float32 (n, 128), of crops (n, 3, h, w)."""
        x = self.pool2(self.inception2(self.pool1(self.conv1(x))))
        for name in BLOCKS:
            x = self.get_submodule(f"inception{name}")(x)
        vectors: Tensor = self.fully_connected(x.mean((2, 3)))
        return nn.functional.normalize(vectors.float())
