"""A convolution over a whole crop: how it is cut into tiles, and the memory that it needs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from mtcnn_core.kernels.blocks import whole
from mtcnn_core.kernels.processor import Processor
from mtcnn_core.kernels.steps import COLOURS, Step

# Pixels that a kernel may read or write beyond the end of its input or output.
_SLACK = 64


@dataclass(frozen=True)
class CropLayer:
    """One convolution, with its pooling, over a crop.

    Attributes:
        step: The layer.
        processor: What computes it.
    """

    step: Step
    processor: Processor

    @property
    def is_fast(self) -> bool:
        """Whether the layer computes several places at once, from transformed rows."""
        return self.step.block.places > 1

    @property
    def is_small(self) -> bool:
        """Whether all pixels of the layer are one tile."""
        return not self.is_fast and self.step.out_side**2 <= self.processor.pixels

    @property
    def tile(self) -> list[tuple[int, int]]:
        """Pixels computed at once: where in the input, and in the output."""
        side = self.step.out_side
        if self.is_small:
            places = product(range(side), repeat=2)
            return [(y * self.step.side + x, y * side + x) for y, x in places]
        longest = self.processor.pixels
        length = min(range(longest, 0, -1), key=lambda pixels: whole(side, pixels))
        return [(x, x) for x in range(length)]

    @property
    def row_tiles(self) -> int:
        """How many tiles of several places a row has."""
        return -(-self.step.out_side // self.step.block.places)

    @property
    def tiles(self) -> int:
        """How many tiles of several places are computed at once: the most that waste none."""
        most = self.processor.tiles(self.step.block.products)
        count = self.row_tiles * self.step.out_side
        return min(range(most, 0, -1), key=lambda tiles: whole(count, tiles))

    @property
    def pitch(self) -> int:
        """Pixels from one row of the layer's output to the next, before the pooling."""
        if self.is_fast:
            return self.row_tiles * self.step.block.places
        return self.step.out_side if self.is_small else whole(self.step.out_side, len(self.tile))

    @property
    def transformed(self) -> int:
        """How many numbers a transformed row of the layer's input has."""
        return self.row_tiles * self.step.block.products * self.step.filled

    @property
    def memory(self) -> tuple[int, int, int]:
        """How many numbers the transformed input, the output and the pooled output have."""
        block, side = self.step.block, self.step.pooled_side
        slack = _SLACK * block.filters
        given = self.step.side * self.transformed + _SLACK * self.step.filled
        return (
            given if self.is_fast else 0,
            self.step.out_side * self.pitch * block.filters + slack,
            side * side * block.filters + slack,
        )


def input_memory(step: Step) -> int:
    """Returns how many numbers the pixels of a crop take."""
    return whole((step.side**2 + _SLACK) * COLOURS)
