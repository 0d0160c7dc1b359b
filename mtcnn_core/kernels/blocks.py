"""The numbers of a layer, in the order in which its kernel reads them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.kernels.correlation import PLACES, TAPS, correlation

Floats = NDArray[np.float32]
# A line of the cache, in float32 numbers: vectors that straddle two take twice the time.
_LINE = 16


@dataclass(frozen=True)
class Block:
    """Bias, slopes less 1, and weights of one layer: ``filters`` numbers twice, then the weights.

    The weights are in groups of as many filters as a vector has lanes: ``(group, row, column,
    channel, lane)``, or ``(group, row, channel, product, lane)`` where three taps along a row are
    taken over several places at once.

    Attributes:
        rows: Height of the kernel.
        columns: Width of the kernel.
        channels: Channels of the input.
        outputs: How many filters there are.
        lanes: float32 numbers in a vector.
        places: Places at once, one of :data:`mtcnn_core.kernels.correlation.PLACES`; or 1.
    """

    rows: int
    columns: int
    channels: int
    outputs: int
    lanes: int
    places: int = 1

    @property
    def filters(self) -> int:
        """How many filters there are, filled up with zeros to whole vectors."""
        return whole(self.outputs, self.lanes)

    @property
    def products(self) -> int:
        """Multiplications along a row of the kernel, for all places."""
        return self.places + self.columns - 1 if self.places > 1 else self.columns

    @property
    def weights(self) -> int:
        """Where the weights begin."""
        return 2 * self.filters

    @property
    def group(self) -> int:
        """Numbers in the weights of one vector of filters."""
        return self.rows * self.products * self.channels * self.lanes

    @property
    def size(self) -> int:
        """How many numbers the block has."""
        return self.weights + self.filters // self.lanes * self.group

    def pack(self, weight: Floats, bias: Floats, slope: Floats | None) -> Floats:
        """Returns the numbers of the block.

        Args:
            weight: ``(outputs, channels, rows, columns)``.
            bias: ``(outputs,)``.
            slope: ``(outputs,)`` slopes of the PReLU; None where none follows.
        """
        filled = np.zeros((self.filters, self.channels, self.rows, self.products))
        exact = weight.astype(np.float64)
        if self.places > 1:
            exact = exact @ correlation(self.places).taps.T
        filled[: self.outputs] = exact
        grouped = filled.reshape(-1, self.lanes, self.channels, self.rows, self.products)
        order = (0, 3, 2, 4, 1) if self.places > 1 else (0, 3, 4, 2, 1)
        slopes = np.zeros_like(bias) if slope is None else slope - 1
        parts = [self._row(bias), self._row(slopes), grouped.transpose(order).ravel()]
        return np.concatenate(parts).astype(np.float32)

    def _row(self, values: Floats) -> Floats:
        return np.pad(values, (0, self.filters - self.outputs))


def fast_places(columns: int) -> int:
    """Returns how many places at once a row of so many takes the fewest multiplications with."""
    return min(PLACES, key=lambda places: -(-columns // places) * (places + TAPS - 1))


def whole(count: int, unit: int = _LINE) -> int:
    """Rounds up to whole units, lines of the cache by default."""
    return -(-count // unit) * unit


def joined(parts: list[Floats]) -> Floats:
    """Returns blocks one after the other, each at the beginning of a line of the cache."""
    array = aligned(sum(whole(len(part)) for part in parts))
    start = 0
    for part in parts:
        array[start : start + len(part)] = part
        start += whole(len(part))
    return array


def aligned(count: int) -> Floats:
    """Returns so many zeros that begin on a line of the cache."""
    array = np.zeros(count + _LINE, np.float32)
    skipped = (-array.ctypes.data // array.itemsize) % _LINE
    return array[skipped : skipped + count]
