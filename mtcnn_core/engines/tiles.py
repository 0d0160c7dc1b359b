"""How a pyramid level is cut into the pieces that P-Net sees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, product
from typing import NamedTuple, Protocol

from mtcnn_core.weights.architecture import PNET, STRIDE, count_cells

# What a run costs besides its cells, in cells: 0.03 ms, where a cell takes 60 ns.
_OVERHEAD = 500


class Window(NamedTuple):
    """A stretch of a level's side and the cells that are computed from it.

    Attributes:
        begin: First pixel, even; below 0 if the stretch is filled up before the side.
        length: Length in pixels, some of which may lie beyond the side.
        start: First cell that is wanted.
        stop: Cell after the last that is wanted.
    """

    begin: int
    length: int
    start: int
    stop: int


class Tile(NamedTuple):
    """A rectangle of a level."""

    rows: Window
    columns: Window


class Tiling(Protocol):
    """A way of cutting levels; no cell's value depends on it."""

    def tiles(self, height: int, width: int) -> Sequence[Tile]:
        """Returns tiles that together hold all cells of a level of so many pixels."""


@dataclass(frozen=True)
class Strips:
    """Strips over the whole width.

    Attributes:
        cells: About how many cells a strip has.
    """

    cells: int

    def tiles(self, height: int, width: int) -> Sequence[Tile]:
        """Returns tiles that together hold all cells of a level of so many pixels."""
        columns = count_cells(width)
        step = max(8, self.cells // columns)
        whole = Window(0, width, 0, columns)
        return [
            Tile(_part(start, step, height), whole) for start in range(0, count_cells(height), step)
        ]


@dataclass(frozen=True)
class Buckets:
    """Whole levels, filled up so that few shapes occur; the largest are cut.

    Attributes:
        cells: Sides of tiles are a multiple of this.
        largest: The longest side of a tile, one of its multiples.
    """

    cells: int
    largest: int

    def tiles(self, height: int, width: int) -> Sequence[Tile]:
        """Returns tiles that together hold all cells of a level of so many pixels."""
        return [
            Tile(rows, columns)
            for rows in self._windows(height)
            for columns in self._windows(width)
        ]

    def _windows(self, side: int) -> list[Window]:
        cells = count_cells(side)
        rounded = -(-cells // self.cells) * self.cells
        return [
            _filled(start, min(self.largest, rounded - start), side)
            for start in range(0, cells, self.largest)
        ]


@dataclass(frozen=True)
class FixedTiles:
    """Tiles of a few shapes, for engines that compile a network for each.

    Attributes:
        heights: Rows that a tile may have, descending.
        widths: Columns that a tile may have, descending.
    """

    heights: tuple[int, ...]
    widths: tuple[int, ...]

    def tiles(self, height: int, width: int) -> Sequence[Tile]:
        """Returns tiles that together hold all cells of a level of so many pixels."""
        return _cheapest(height, width, self.heights, self.widths)


def _part(start: int, size: int, side: int) -> Window:
    """The window of some cells, fewer at the end of the side."""
    stop = min(start + size, count_cells(side))
    begin = STRIDE * start
    end = min(STRIDE * (stop - 1) + PNET.side, side)
    return Window(begin, end - begin, start, stop)


def _filled(start: int, size: int, side: int) -> Window:
    """The window of some cells, of the same length wherever it lies.

    The last cell of an odd side sees one pixel less than the others. So that it does here, the
    length is odd, and the last window ends with the side; before it there may be filling, which
    nothing wanted sees.
    """
    length = STRIDE * size + PNET.side - 1
    end = side + (side - 1) % 2
    if STRIDE * start + length < end:
        return Window(STRIDE * start, length, start, start + size)
    begin = end - length
    return Window(begin, length, max(begin // STRIDE, 0), count_cells(side))


@lru_cache(maxsize=4096)
def _cheapest(
    height: int, width: int, heights: tuple[int, ...], widths: tuple[int, ...]
) -> Sequence[Tile]:
    covers = product(_covers(count_cells(height), heights), _covers(count_cells(width), widths))
    rows, columns = min(covers, key=_cost)
    return [
        Tile(_filled(top, down, height), _filled(left, across, width))
        for top, down in zip(_starts(rows), rows, strict=True)
        for left, across in zip(_starts(columns), columns, strict=True)
    ]


def _covers(length: int, sizes: Sequence[int]) -> Iterator[list[int]]:
    """Covers of a length, largest pieces first; each goes down to another smallest size."""
    for end in range(1, len(sizes) + 1):
        cover = []
        left = length
        for size in sizes[:end]:
            count, left = divmod(left, size)
            cover += [size] * count
        yield cover + [sizes[end - 1]] * (left > 0)


def _cost(cover: tuple[list[int], list[int]]) -> int:
    rows, columns = cover
    return sum(rows) * sum(columns) + _OVERHEAD * len(rows) * len(columns)


def _starts(sizes: Sequence[int]) -> Iterator[int]:
    return accumulate(sizes[:-1], initial=0)
