"""Cutting levels: every cell is there and sees what it would see in the whole level."""

import numpy as np
import pytest

from mtcnn_core.engines.tiles import Buckets, FixedTiles, Strips, Tiling, Window
from mtcnn_core.weights.architecture import count_cells

TILINGS = {
    "strips": Strips(cells=2_000),
    "buckets": Buckets(cells=32, largest=64),
    "fixed": FixedTiles(heights=(40, 10), widths=(64, 24, 8)),
}
SIDES = (12, 13, 14, 31, 32, 33, 97, 139, 140, 141, 149, 150, 300, 513)

every_tiling = pytest.mark.parametrize("tiling", TILINGS.values(), ids=TILINGS)
every_height = pytest.mark.parametrize("height", SIDES)


def _seen(window: Window, side: int) -> None:
    """Asserts that the window shows its cells what the whole side shows them."""
    end = window.begin + window.length
    assert window.begin % 2 == 0
    assert window.begin // 2 <= window.start < window.stop
    assert window.begin <= 2 * window.start
    last = 2 * (window.stop - 1) + 12
    # The last cell of an odd side has nothing at its last pixel, so the window ends before it.
    assert end == side if last > side else end >= last


@every_height
@every_tiling
def test_cells_see_the_same_as_in_the_whole_level(height: int, tiling: Tiling) -> None:
    for width in SIDES:
        for rows, columns in tiling.tiles(height, width):
            _seen(rows, height)
            _seen(columns, width)


@every_height
@every_tiling
def test_every_cell_is_there(height: int, tiling: Tiling) -> None:
    for width in SIDES:
        cells = np.zeros((count_cells(height), count_cells(width)), bool)
        for rows, columns in tiling.tiles(height, width):
            assert rows.stop <= cells.shape[0]
            assert columns.stop <= cells.shape[1]
            cells[rows.start : rows.stop, columns.start : columns.stop] = True
        assert cells.all(), width


def _shapes(tiling: Tiling) -> set[tuple[int, int]]:
    return {
        (rows.length, columns.length)
        for height in SIDES
        for width in SIDES
        for rows, columns in tiling.tiles(height, width)
    }


def test_fixed_tiles_have_their_shapes_only() -> None:
    assert _shapes(TILINGS["fixed"]) <= {
        (2 * rows + 11, 2 * columns + 11) for rows in (40, 10) for columns in (64, 24, 8)
    }


def test_sides_of_buckets_are_multiples() -> None:
    sides = {side for shape in _shapes(TILINGS["buckets"]) for side in shape}
    assert sides == {2 * 32 + 11, 2 * 64 + 11}


def test_strips_are_not_filled() -> None:
    for height in SIDES:
        for width in SIDES:
            tiles = Strips(cells=2_000).tiles(height, width)
            assert all(columns == (0, width, 0, count_cells(width)) for _, columns in tiles)
            assert max(rows.begin + rows.length for rows, _ in tiles) == height


def test_strips_bound_their_cells() -> None:
    areas = [
        (rows.stop - rows.start) * (columns.stop - columns.start)
        for rows, columns in Strips(cells=2_000).tiles(900, 300)
    ]
    assert len(areas) > 1
    assert 1_500 < areas[0] <= 2_000


@pytest.mark.parametrize(
    ("height", "width", "shapes"),
    [
        pytest.param(13, 13, [(10, 8)], id="one of the smallest"),
        pytest.param(80, 120, [(40, 64)], id="one large rather than many small"),
        pytest.param(30, 240, [(10, 64), (10, 64)], id="no more rows than there are"),
        pytest.param(98, 42, [(40, 24), (10, 24)], id="the rest in small ones"),
    ],
)
def test_fixed_tiles_waste_little(height: int, width: int, shapes: list[tuple[int, int]]) -> None:
    tiles = TILINGS["fixed"].tiles(height, width)
    assert [((r.length - 11) // 2, (c.length - 11) // 2) for r, c in tiles] == shapes
