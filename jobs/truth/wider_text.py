"""`wider_face_val_bbx_gt.txt`: photos, their boxes and six attributes of each face."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jobs.messages.errors import UserError
from jobs.truth.text import numbers, read_text
from mtcnn_core.evaluation.overlaps import corners
from mtcnn_core.evaluation.wider_face import Annotation

_NUMBERS = 10  # x, y, width, height, blur, expression, illumination, invalid, occlusion, pose
_INVALID = 7


def read_wider_text(file: Path) -> dict[str, Annotation]:
    """Reads photo -> annotation, with the subset `all`: every face but the invalid ones.

    Raises:
        UserError: It is not what it should be.
    """
    lines = read_text(file).splitlines()
    truth: dict[str, Annotation] = {}
    at = 0
    while at < len(lines):
        photo = lines[at].strip()
        if not photo:
            at += 1
            continue
        if photo in truth:
            raise UserError(
                f"line {at + 1} of '{file}' names '{photo}' once more: keep one of them"
            )
        count = _count(lines, at + 1, file)
        first = at + 2
        rows = [_face(lines, row, file) for row in range(first, first + count)]
        # A photo without a face is followed by a line of zeros.
        is_padded = count == 0 and first < len(lines) and len(lines[first].split()) == _NUMBERS
        at = first + count + is_padded
        faces = np.array(rows, np.float64).reshape(-1, _NUMBERS)
        invalid = faces[:, _INVALID] != 0
        try:
            truth[photo] = Annotation(
                corners(faces[:, :4]), {"all": np.flatnonzero(~invalid)}, invalid
            )
        except ValueError as error:
            raise UserError(f"in '{file}', {error}: correct the faces of '{photo}'") from None
    return truth


def _count(lines: list[str], at: int, file: Path) -> int:
    text = lines[at].strip() if at < len(lines) else ""
    if not text.isdecimal():
        raise UserError(
            f"line {at + 1} of '{file}' should be the number of faces of the photo above: name a "
            "file such as wider_face_val_bbx_gt.txt"
        )
    # Python refuses numbers of thousands of digits; twelve are more than there are lines.
    return int(text[:12])


def _face(lines: list[str], at: int, file: Path) -> list[float]:
    if at >= len(lines):
        raise UserError(f"'{file}' ends in the middle of a photo: fetch the whole file")
    words = lines[at].split()
    if len(words) != _NUMBERS:
        raise UserError(
            f"line {at + 1} of '{file}' should have {_NUMBERS} numbers, a box and six attributes: "
            "correct it"
        )
    return numbers(words, f"line {at + 1} of '{file}'")
