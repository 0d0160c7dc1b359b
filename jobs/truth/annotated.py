"""Faces as the readers of landmarks find them, and how they are put together by photo."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jobs.messages.errors import UserError
from mtcnn_core.evaluation.landmark_error import AnnotatedFaces
from mtcnn_core.evaluation.overlaps import Floats

NO_BOX = (float("nan"),) * 4


class FaceRow(NamedTuple):
    """An annotated face.

    Attributes:
        photo: The photo, as it is written in the file.
        points: ``(5, 2)``.
        box: x1, y1, x2, y2, or `NO_BOX`.
    """

    photo: str
    points: Floats
    box: Sequence[float]


def gather(rows: Sequence[FaceRow], path: str) -> dict[str, AnnotatedFaces]:
    """Puts the faces of each photo together, in their order.

    Raises:
        UserError: A face cannot be judged by.
    """
    by_photo: dict[str, list[FaceRow]] = defaultdict(list)
    for row in rows:
        by_photo[row.photo].append(row)
    truth = {}
    for photo, faces in by_photo.items():
        points = np.array([face.points for face in faces])
        boxes = np.array([face.box for face in faces], np.float64)
        try:
            truth[photo] = AnnotatedFaces(points, boxes)
        except ValueError as error:
            raise UserError(f"in '{path}', {error}: correct the faces of '{photo}'") from None
    return truth
