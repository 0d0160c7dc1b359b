"""Landmarks in a CSV file, as for Labeled Faces in the Wild."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jobs.truth.annotated import NO_BOX, FaceRow
from jobs.truth.table import read_table
from jobs.truth.text import numbers, read_text
from mtcnn_core.faces import LANDMARKS

_POINTS = ("lex", "ley", "rex", "rey", "nx", "ny", "lmx", "lmy", "rmx", "rmy")
_LONG_POINTS = tuple(f"{name}_{axis}" for name in LANDMARKS for axis in "xy")
_BOX = ("x1", "y1", "x2", "y2")


def read_csv(file: Path) -> list[FaceRow]:
    """Reads one face a line.

    The columns are `image`; `lex`, `ley` (left eye), `rex`, `rey` (right eye), `nx`, `ny` (nose),
    `lmx`, `lmy`, `rmx`, `rmy` (mouth corners), or in full `left_eye_x` to `mouth_right_y`, after
    `mtcnn_core.faces.LANDMARKS`; and, if there is a box, `x1`, `y1`, `x2`, `y2`.
    Left is the smaller x. Other columns are left alone.

    Raises:
        UserError: It is not what it should be.
    """
    faces = []
    header = read_text(file).partition("\n")[0]
    columns = _LONG_POINTS if _LONG_POINTS[0] in header else _POINTS
    for row in read_table(file, ("image", *columns)):
        place = f"the line of '{row['image']}' in '{file}'"
        points = np.array(numbers([row[name] for name in columns], place)).reshape(5, 2)
        has_box = all(row.get(name) for name in _BOX)
        box = numbers([row[name] for name in _BOX], place) if has_box else NO_BOX
        faces.append(FaceRow(row["image"], points, box))
    return faces
