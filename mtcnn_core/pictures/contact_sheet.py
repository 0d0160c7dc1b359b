"""Contact sheets: many small cut-outs on one picture, each with what is to be seen drawn on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mtcnn_core.crops.crops import cut

Colour = tuple[int, int, int]
Floats = NDArray[np.float64] | NDArray[np.float32]

GREEN: Colour = (0, 230, 118)
RED: Colour = (255, 64, 64)
BLUE: Colour = (64, 160, 255)

SIDE = 168
_GAP = 10
_LINE = 15
_TITLE = 34
_PAPER = (24, 24, 27)
_INK = (228, 228, 231)
_FAINT = (161, 161, 170)
_SHADOW = (0, 0, 0)
_LEAST_SEEN = 32.0  # pixels of the photo; less is a blur
_FRACTION_BITS = 4  # OpenCV draws at sixteenths of a pixel


@dataclass(frozen=True)
class Mark:
    """Something to draw, in pixels of the photo.

    Attributes:
        colour: RGB.
        box: ``(4,)``: x1, y1, x2, y2.
        points: ``(n, 2)``.
    """

    colour: Colour
    box: Floats | None = None
    points: Floats | None = None


@dataclass(frozen=True)
class SheetTile:
    """One picture of a sheet.

    Attributes:
        pixels: uint8 ``(SIDE, w, 3)`` RGB.
        caption: The lines beneath; the first is bright. What does not fit is cut off.
    """

    pixels: NDArray[np.uint8]
    caption: Sequence[str]


def cut_out(
    image: NDArray[np.uint8], around: Floats, marks: Sequence[Mark] = (), *, context: float = 2.4
) -> NDArray[np.uint8]:
    """Cuts a square out of a photo, and draws on it.

    Args:
        image: uint8 ``(h, w, 3)`` RGB.
        around: ``(4,)``: the box in the middle.
        marks: Drawn in this order.
        context: Side of the square, in sides of the box.

    Returns:
        uint8 ``(SIDE, SIDE, 3)`` RGB, black outside the photo.
    """
    x1, y1, x2, y2 = (float(value) for value in around)
    scale = SIDE / max(context * max(x2 - x1, y2 - y1), _LEAST_SEEN)
    shift = SIDE / 2 - scale * (x1 + x2) / 2, SIDE / 2 - scale * (y1 + y2) / 2
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    picture = cut(image, matrix, SIDE)
    # Shadows first, so that one mark does not hide another.
    for mark in marks:
        _draw(picture, mark, matrix, _SHADOW, 1.0)
    for mark in marks:
        _draw(picture, mark, matrix, mark.colour, 0.0)
    return picture


def beside(*pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Puts square pictures of any size beside each other, as the pixels of one tile."""
    scaled = [
        np.asarray(cv2.resize(each, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
        for each in pictures
    ]
    return np.concatenate(scaled, axis=1)


def contact_sheet(title: str, tiles: Sequence[SheetTile], columns: int = 8) -> NDArray[np.uint8]:
    """Puts tiles on a sheet, row by row.

    Args:
        title: Above them.
        tiles: All of one width.
        columns: Tiles in a row.

    Returns:
        uint8 ``(h, w, 3)`` RGB; without tiles, the title alone.
    """
    width = tiles[0].pixels.shape[1] if tiles else SIDE
    lines = max((len(tile.caption) for tile in tiles), default=0)
    step = width + _GAP, SIDE + _GAP + _LINE * lines + 4
    rows = math.ceil(len(tiles) / columns)
    sheet = Image.new(
        "RGB", (_GAP + columns * step[0], _TITLE + _GAP + rows * step[1] + _GAP), _PAPER
    )
    draw = ImageDraw.Draw(sheet)
    small, large = ImageFont.load_default(12), ImageFont.load_default(17)
    draw.text((_GAP, 9), _fitting(title, large, sheet.width - 2 * _GAP), _INK, large)
    for index, tile in enumerate(tiles):
        left = _GAP + index % columns * step[0]
        top = _TITLE + _GAP + index // columns * step[1]
        sheet.paste(Image.fromarray(tile.pixels), (left, top))
        for number, line in enumerate(tile.caption):
            place = left, top + SIDE + 3 + number * _LINE
            text = _fitting(line, small, width)
            draw.text(place, text, _FAINT if number else _INK, small)
    return np.asarray(sheet)


def _fitting(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """The text, or its beginning and end with dots between: names of photos differ at the end."""
    if font.getlength(text) <= width:
        return text
    for kept in range(len(text) - 1, 1, -1):
        shorter = f"{text[: kept // 3]}…{text[len(text) - (kept - kept // 3) :]}"
        if font.getlength(shorter) <= width:
            return shorter
    return ""


def _draw(
    picture: NDArray[np.uint8],
    mark: Mark,
    matrix: NDArray[np.float64],
    colour: Colour,
    wider: float,
) -> None:
    """Draws a mark in a colour, so much wider than it is."""
    line = 1 + 2 * round(wider)
    if mark.box is not None:
        low, high = (_moved(corner, matrix) for corner in (mark.box[:2], mark.box[2:]))
        cv2.rectangle(picture, low, high, colour, line, cv2.LINE_AA, _FRACTION_BITS)
    for point in () if mark.points is None else mark.points:
        radius = round((2.5 + wider) * 2**_FRACTION_BITS)
        cv2.circle(picture, _moved(point, matrix), radius, colour, -1, cv2.LINE_AA, _FRACTION_BITS)


def _moved(point: Floats, matrix: NDArray[np.float64]) -> tuple[int, int]:
    """A point of the photo on the cut-out, as OpenCV counts."""
    moved = matrix[:, :2] @ point + matrix[:, 2]
    far = 2**14  # a box may reach far beyond what is seen
    x, y = np.rint((np.clip(moved, -far, far) - 0.5) * 2**_FRACTION_BITS).astype(int)
    return int(x), int(y)
