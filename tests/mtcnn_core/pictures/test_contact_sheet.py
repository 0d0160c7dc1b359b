"""Cut-outs and contact sheets: what is drawn is where it belongs."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mtcnn_core.pictures.contact_sheet import (
    GREEN,
    RED,
    SIDE,
    Mark,
    SheetTile,
    beside,
    contact_sheet,
    cut_out,
)

GREY: NDArray[np.uint8] = np.full((200, 300, 3), 90, np.uint8)
GREY.flags.writeable = False
BOX = np.array([100.0, 60.0, 140.0, 120.0])


def _is_coloured(picture: NDArray[np.uint8], colour: tuple[int, int, int]) -> NDArray[np.bool_]:
    away = np.abs(picture.astype(int) - colour).max(axis=2)
    is_near: NDArray[np.bool_] = away < 60
    return is_near


def test_the_box_is_in_the_middle_and_so_large_as_asked_for() -> None:
    picture = cut_out(GREY, BOX, [Mark(GREEN, BOX)], context=2.0)
    rows, columns = np.nonzero(_is_coloured(picture, GREEN))
    # The higher side of the box is half of the cut-out.
    assert rows.min() == pytest.approx(SIDE * 0.25, abs=1.5)
    assert rows.max() == pytest.approx(SIDE * 0.75, abs=1.5)
    assert columns.min() == pytest.approx(SIDE * (0.5 - 1 / 6), abs=1.5)
    assert columns.max() == pytest.approx(SIDE * (0.5 + 1 / 6), abs=1.5)


def test_a_point_is_where_its_pixel_is() -> None:
    photo = GREY.copy()
    photo[88:92, 118:122] = 255
    picture = cut_out(photo, BOX, context=1.0)
    bright = np.argwhere(picture.min(axis=2) > 230).mean(axis=0)
    marked = cut_out(GREY, BOX, [Mark(RED, points=np.array([[120.0, 90.0]]))], context=1.0)
    dot = np.argwhere(_is_coloured(marked, RED)).mean(axis=0)
    np.testing.assert_allclose(dot, bright, atol=0.75)


def test_beyond_the_photo_it_is_black() -> None:
    picture = cut_out(GREY, np.array([-20.0, 50.0, 20.0, 90.0]), context=1.0)
    assert picture[:, : SIDE // 2 - 2].max() == 0
    assert picture[:, SIDE // 2 + 2 :].min() == 90


@pytest.mark.parametrize(
    "box",
    [[50.0, 50, 50, 50], [-1e9, -1e9, 1e9, 1e9], [0, 0, 1e-9, 1e-9], [1e7, 1e7, 1e7 + 5, 1e7 + 5]],
)
def test_absurd_boxes_are_drawn_too(box: list[float]) -> None:
    picture = cut_out(GREY, np.array(box), [Mark(RED, np.array(box)), Mark(GREEN, BOX)])
    assert picture.shape == (SIDE, SIDE, 3)


def test_a_box_that_reaches_far_beyond_is_drawn_too() -> None:
    far = np.array([-1e12, 80.0, 1e12, 100.0])
    picture = cut_out(GREY, BOX, [Mark(RED, far)])
    assert _is_coloured(picture, RED)[:, 3:-3].any(axis=0).all()


def test_the_photo_is_not_drawn_on() -> None:
    photo = GREY.copy()
    cut_out(photo, BOX, [Mark(GREEN, BOX)])
    np.testing.assert_array_equal(photo, GREY)


def test_tiles_lie_row_by_row() -> None:
    tiles = [
        SheetTile(np.full((SIDE, SIDE, 3), 40 * number, np.uint8), ["a", "b"])
        for number in range(1, 6)
    ]
    sheet = contact_sheet("title", tiles, columns=2)
    # Each value where it is met first, from above and from the left.
    first = {value: np.argwhere((sheet == value).all(axis=2))[0] for value in range(40, 201, 40)}
    assert first[40][0] == first[80][0] < first[120][0] == first[160][0] < first[200][0]
    assert first[40][1] == first[120][1] == first[200][1] < first[80][1] == first[160][1]


def test_a_long_caption_stays_below_its_tile() -> None:
    black: NDArray[np.uint8] = np.zeros((SIDE, SIDE, 3), np.uint8)
    tiles = [SheetTile(black, ["W" * 500]), SheetTile(black, [""])]
    sheet = contact_sheet("", tiles, columns=2)
    right = sheet[:, 10 + SIDE + 5 :]
    assert right.max() < 60  # the paper and no ink


def test_without_tiles_there_is_a_sheet_that_says_so() -> None:
    sheet = contact_sheet("0 missed faces", [])
    assert sheet.max() > 200


def test_pictures_beside_each_other_are_of_one_size() -> None:
    picture = beside(np.zeros((50, 50, 3), np.uint8), np.full((300, 300, 3), 200, np.uint8))
    assert picture.shape == (SIDE, 2 * SIDE, 3)
    assert picture[:, : SIDE - 1].max() == 0
    assert picture[:, SIDE + 1 :].min() == 200
