"""The networks there are, by name."""

from __future__ import annotations

from torch import nn

from mtcnn_core.facenet import nn2, small
from mtcnn_core.settings.training import NetworkName

_SIZES = {"nn2": nn2.SIZE, "small": small.SIZE}
WIDTH = small.WIDTH


def input_size(name: NetworkName) -> int:
    """Returns the side of the crops that a network was made for, in pixels."""
    return _SIZES[name]


def build_network(name: NetworkName, size: int | None = None) -> nn.Module:
    """Returns a network with weights drawn by PyTorch's generator.

    It takes crops, float32 ``(n, 3, size, size)``, RGB, (x - 127.5) / 128, and gives vectors of
    length 1, float32 ``(n, 128)``.

    Args:
        name: Which.
        size: Side of the crops in pixels; None is its own.
    """
    if name == "nn2":
        return nn2.NN2()
    return small.Small(size or small.SIZE)
