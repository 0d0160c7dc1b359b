"""Detections of any detector, in the form in which WIDER FACE takes submissions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jobs.messages.errors import UserError
from jobs.truth.text import numbers, read_text
from mtcnn_core.evaluation.overlaps import corners
from mtcnn_core.evaluation.wider_face import Detections

_NUMBERS = 5  # x, y, width, height, score
_FORM = "a line with its name, a line with the number of faces, and one of 'x y w h score' for each"


def read_detections(path: str) -> dict[str, Detections]:
    """Reads a folder of folders, one an event, of `.txt` files, one a photo.

    Args:
        path: The folder.

    Returns:
        Photo, as `event/stem.jpg`, -> detections. Folder and file name say which photo it is; the
        name within the file is not looked at.

    Raises:
        UserError: There are no such files, or one of them is not what it should be.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise UserError(f"there is no folder '{path}': name one with a folder for each event")
    files = sorted(folder.glob("*/*.txt"))
    if not files:
        raise UserError(f"there are no detections in '{path}': put event/photo.txt files there")
    return {f"{file.parent.name}/{file.stem}.jpg": _read(file) for file in files}


def _read(file: Path) -> Detections:
    lines = [line for line in read_text(file).splitlines() if line.strip()]
    rows = [line.split() for line in lines[2:]]
    if len(lines) < 2 or _count(lines[1]) != len(rows):
        raise UserError(f"'{file}' is incomplete or of another form: give {_FORM}")
    if any(len(row) != _NUMBERS for row in rows):
        raise UserError(f"a line of '{file}' has other than five numbers: give {_FORM}")
    values = np.array([numbers(row, f"'{file}'") for row in rows]).reshape(-1, _NUMBERS)
    try:
        return Detections(corners(values[:, :4]), values[:, 4])
    except ValueError as error:
        raise UserError(f"in '{file}', {error}: correct it") from None


def _count(line: str) -> int:
    word = line.strip()
    return int(word) if word.isdecimal() and len(word) < 10 else -1
