"""Boxes, scores and landmarks on a picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mtcnn_core.faces import Faces

_BOX = (0, 230, 118)
_POINT = (255, 64, 64)
_SHADOW = (0, 0, 0)
_TEXT = (0, 0, 0)
_FRACTION_BITS = 4  # OpenCV draws at sixteenths of a pixel


def draw_faces(image: NDArray[np.uint8], faces: Faces) -> NDArray[np.uint8]:
    """Draws each face's box, score and landmarks.

    Args:
        image: uint8 ``(h, w, 3)`` RGB; not changed.
        faces: Faces in pixels of ``image``.

    Returns:
        uint8 ``(h, w, 3)`` RGB.
    """
    picture: NDArray[np.uint8] = np.array(image, order="C")
    line = max(1, round(min(image.shape[:2]) / 300))
    for box, score, landmarks in zip(faces.boxes, faces.scores, faces.landmarks, strict=True):
        for colour, width in ((_SHADOW, 3 * line), (_BOX, line)):
            cv2.rectangle(
                picture,
                _fixed(box[:2]),
                _fixed(box[2:]),
                colour,
                width,
                cv2.LINE_AA,
                _FRACTION_BITS,
            )
        radius = max(1.5, 0.02 * float(box[2] - box[0]))
        for point in landmarks:
            for colour, r in ((_SHADOW, 1.5 * radius), (_POINT, radius)):
                size = round(r * 2**_FRACTION_BITS)
                cv2.circle(picture, _fixed(point), size, colour, -1, cv2.LINE_AA, _FRACTION_BITS)
        _label(picture, box, f"{score:.3f}", line)
    return picture


def _label(picture: NDArray[np.uint8], box: NDArray[np.float32], text: str, line: int) -> None:
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, 0.45 * line
    (width, height), _ = cv2.getTextSize(text, font, scale, line)
    pad = 3 * line
    left = round(float(box[0]))
    bottom = max(round(float(box[1])), height + 2 * pad)  # inside the picture at the upper edge
    corner = left + width + 2 * pad, bottom - height - 2 * pad
    cv2.rectangle(picture, (left, bottom), corner, _BOX, -1)
    cv2.putText(picture, text, (left + pad, bottom - pad), font, scale, _TEXT, line, cv2.LINE_AA)


def _fixed(point: NDArray[np.float32]) -> tuple[int, int]:
    x, y = np.rint((point - 0.5) * 2**_FRACTION_BITS).astype(int)
    return int(x), int(y)
