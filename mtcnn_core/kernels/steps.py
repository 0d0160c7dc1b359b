"""The layers of a network as steps of a program: which kernel computes each, from which numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mtcnn_core.kernels.blocks import Block, Floats, fast_places, joined, whole
from mtcnn_core.kernels.correlation import TAPS
from mtcnn_core.weights import PNET, Arrays, Network
from mtcnn_core.weights.heads import count_heads, join_heads

COLOURS = 3
_HEADS = "heads"
# In P-Net, where rows are long.
_PLACES = 4


@dataclass(frozen=True)
class Step:
    """One layer, or all heads as one.

    Attributes:
        name: Name of the layer.
        block: Numbers of the layer.
        start: Where the numbers begin among those of the network.
        pool: Side of the pooling window after the layer, 0 for none.
        side: Side of the layer's input in pixels; a dense layer flattens the input.
        filled: Channels of the layer's input, filled up to whole vectors.
    """

    name: str
    block: Block
    start: int
    pool: int
    side: int
    filled: int

    @property
    def out_side(self) -> int:
        """Side of the layer's output for a crop, in pixels, before the pooling."""
        return self.side - self.block.rows + 1

    @property
    def pooled_side(self) -> int:
        """Side of the layer's output after the pooling; partial windows count."""
        return -(-(self.out_side - self.pool) // 2) + 1 if self.pool else self.out_side


def steps_of(network: Network, lanes: int) -> list[Step]:
    """Returns the steps of a network, the last one its heads.

    Args:
        network: The architecture.
        lanes: float32 numbers in a vector.
    """
    steps: list[Step] = []
    start, side, filled = 0, network.side, COLOURS
    for layer in network.body:
        outputs, channels, *kernel = layer.shape
        rows, columns = kernel or (1, 1)
        places = 1
        if not kernel:
            channels = filled * side * side
        elif rows == TAPS:
            places = _PLACES if network is PNET else fast_places(side - TAPS + 1)
        else:
            channels = filled
        block = Block(rows, columns, channels, outputs, lanes, places)
        steps.append(Step(layer.name, block, start, layer.pool, side, filled))
        start += whole(block.size)
        side, filled = (steps[-1].pooled_side if kernel else 1), block.filters
    block = Block(1, 1, filled, count_heads(network), lanes)
    return [*steps, Step(_HEADS, block, start, 0, 1, filled)]


def pack(network: Network, arrays: Arrays, steps: list[Step]) -> Floats:
    """Returns the numbers of all steps, those of each from its start on.

    Args:
        network: The architecture.
        arrays: Its weights.
        steps: Steps of that network.
    """
    *body, heads = steps
    parts = []
    for step in body:
        bias, slope = arrays[f"{step.name}.bias"], arrays[f"{step.name}.slope"]
        parts.append(step.block.pack(_kernel(step, arrays[f"{step.name}.weight"]), bias, slope))
    weight, bias = join_heads(network, arrays)
    parts.append(heads.block.pack(_kernel(heads, weight), bias, None))
    return joined(parts)


def _kernel(step: Step, weight: Floats) -> Floats:
    """The weight of a layer as ``(outputs, channels, rows, columns)`` of its step."""
    if weight.ndim == 4:
        missing = step.block.channels - weight.shape[1]
        return np.pad(weight, ((0, 0), (0, missing), (0, 0), (0, 0)))
    # Flattened as (channel, row, column), where the input lies as (row, column, channel).
    image = weight.reshape(len(weight), -1, step.side, step.side)
    image = np.pad(image, ((0, 0), (0, step.filled - image.shape[1]), (0, 0), (0, 0)))
    kernel: Floats = image.transpose(0, 2, 3, 1).reshape(len(weight), -1, 1, 1)
    return kernel
