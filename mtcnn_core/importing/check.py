"""The bundled check: one photo with one face, which the right weights find where it is.

``check.png`` is a part of NASA's portrait of Eileen Collins (public domain; scikit-image's
``data.astronaut``), reduced so that the face is 50 pixels wide.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.cascade.detector import FaceDetector
from mtcnn_core.cascade.pyramid import Pyramid
from mtcnn_core.faces import Faces
from mtcnn_core.images.photo import decode
from mtcnn_core.weights.arrays import Weights
from mtcnn_core.weights.original import load_default

_FILE = Path(__file__).with_name("check.png")
# About where the face is: for the crops, which must not change with the cascade.
BOX = np.array([31.456, 15.704, 80.438, 77.713], np.float32)
# Other weights see the face a little differently, and the box more so than the landmarks.
BOX_TOLERANCE = 8.0
LANDMARK_TOLERANCE = 5.0


@dataclass(frozen=True)
class Outcome:
    """What weights find in the check photo.

    Attributes:
        faces: How many faces were found.
        score: Score of the best face; 0 without any.
        box_error: Largest difference of a side of its box from the face's, in pixels.
        landmark_error: Largest distance of a landmark from the face's, in pixels.
        misread: Networks that would answer better if their arrays were in another order; the
            others may make up for one such.
    """

    faces: int
    score: float = 0.0
    box_error: float = float("inf")
    landmark_error: float = float("inf")
    misread: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether it is the face, and nothing else."""
        return (
            not self.misread
            and self.faces == 1
            and self.box_error <= BOX_TOLERANCE
            and self.landmark_error <= LANDMARK_TOLERANCE
        )

    def __str__(self) -> str:
        if self.misread:
            return f"the arrays of {' and '.join(self.misread)} are in another order"
        if not self.faces:
            return "no face was found in the check photo"
        many = "" if self.faces == 1 else f"{self.faces} faces in place of one; the best: "
        return (
            f"{many}box within {self.box_error:.2f} px, landmarks within "
            f"{self.landmark_error:.2f} px, score {self.score:.4f}"
        )


def check(weights: Weights) -> Outcome:
    """Runs the cascade with some weights on the check photo.

    The stages make up for one another to a degree; see
    :func:`mtcnn_core.importing.recognise.examine` for each network on its own.
    """
    return outcome(_detect(weights), face())


def outcome(found: Faces, face: Faces) -> Outcome:
    """Compares faces found in the check photo with the one that is there."""
    if not len(found):
        return Outcome(0)
    return Outcome(
        len(found),
        float(found.scores[0]),
        float(np.abs(found.boxes[0] - face.boxes[0]).max()),
        float(np.linalg.norm(found.landmarks[0] - face.landmarks[0], axis=1).max()),
    )


@functools.cache
def face() -> Faces:
    """Returns the face in the check photo, as the original weights find it."""
    return _detect(load_default())


def _detect(weights: Weights) -> Faces:
    return FaceDetector(weights=weights).detect(photo())


@functools.cache
def photo() -> NDArray[np.uint8]:
    """Returns the check photo, uint8 ``(h, w, 3)`` RGB."""
    return decode(_FILE.read_bytes())


@functools.cache
def crops(side: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Returns squares of the check photo, some around the face and some beside it.

    Args:
        side: Side of the input of a network.

    Returns:
        ``(n, side, side, 3)`` RGB from 0 to 255, and which of them show the face.
    """
    centre, size = (BOX[:2] + BOX[2:]) / 2, np.max(BOX[2:] - BOX[:2])
    shifts = [(0, 0, 0.9), (0.12, 0, 1.15), (-0.12, 0.04, 1), (0.05, 0.12, 0.9), (-0.03, -0.12, 1)]
    around = [(*(centre + size * np.array([dx, dy])), scale * size) for dx, dy, scale in shifts]
    beside = [(14, 14, 26), (106, 100, 26), (60, 106, 26), (12, 50, 24), (104, 46, 30)]
    squares = np.array([*around, *beside], np.float32)
    corners = [squares[:, :2] + sign * squares[:, 2:] / 2 for sign in (-1, 1)]
    boxes = np.concatenate(corners, axis=1).astype(np.float32)
    with_face = np.arange(len(boxes)) < len(around)
    return Pyramid(photo(), 20, 0.709).crops(boxes, side), with_face
