"""Where each crop lies: from boxes or landmarks to the matrix that takes the image to the crop.

A matrix takes a point of the image to a point of the crop, both in continuous pixels (pixel ``i``
covers ``[i, i + 1)``). With the size it is all that is needed to cut the same crop again.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.crops.templates import TEMPLATES, Points
from mtcnn_core.faces import Faces
from mtcnn_core.settings.crops import CropSettings, Keep


def crop_matrices(
    faces: Faces, settings: CropSettings, photo: tuple[int, int]
) -> NDArray[np.float32]:
    """Returns where the crop of each face lies.

    Args:
        faces: Faces of one photo.
        settings: How they become crops.
        photo: ``(width, height)`` of the photo.

    Returns:
        float32 ``(n, 2, 3)``, image -> crop.
    """
    if settings.mode == "margin":
        return margin_matrices(faces.boxes, settings.margin, settings.size)
    if settings.mode == "margin_pixels":
        boxes = faces.boxes.astype(np.float64)
        low, high = boxes[:, :2], boxes[:, 2:]
        low = np.maximum(low - settings.margin_pixels / 2, 0)
        high = np.minimum(high + settings.margin_pixels / 2, photo)
        # A box beyond the border leaves nothing; a pixel there keeps the matrix finite.
        return _stretched(low, np.maximum(high, low + 1), settings.size)
    return template_matrices(faces.landmarks, TEMPLATES["arcface112"].scaled(settings.size))


def margin_matrices(boxes: NDArray[np.float32], margin: float, size: int) -> NDArray[np.float32]:
    """Returns the matrices that stretch boxes and their margins over crops.

    Args:
        boxes: float32 ``(n, 4)``: x1, y1, x2, y2.
        margin: What is added to each side, as a fraction of it, half on either end.
        size: Side of the crops.

    Returns:
        float32 ``(n, 2, 3)``, image -> crop.
    """
    exact = boxes.astype(np.float64)
    low, high = exact[:, :2], exact[:, 2:]
    around = margin / 2 * (high - low)
    return _stretched(low - around, high + around, size)


def template_matrices(landmarks: NDArray[np.float32], template: Points) -> NDArray[np.float32]:
    """Returns the matrices that turn, scale and move landmarks onto a template.

    Args:
        landmarks: float32 ``(n, 5, 2)``.
        template: float64 ``(5, 2)``, in pixels of the crop.

    Returns:
        float32 ``(n, 2, 3)``, image -> crop.
    """
    matrices = [similarity_matrix(points, template) for points in landmarks]
    return np.array(matrices, np.float32).reshape(-1, 2, 3)


def _stretched(
    low: NDArray[np.float64], high: NDArray[np.float64], size: int
) -> NDArray[np.float32]:
    """Matrices that take rectangles to the whole crop."""
    scale = size / (high - low)
    matrices = np.zeros((len(low), 2, 3))
    matrices[:, [0, 1], [0, 1]] = scale
    matrices[:, :, 2] = -scale * low
    return matrices.astype(np.float32)


def similarity_matrix(
    source: NDArray[np.floating], target: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Fits the rotation, scale and shift that take points closest to others.

    The least-squares solution of Umeyama (1991); in the plane and without reflection it is two
    sums.

    Args:
        source: ``(n, 2)`` points. If all are equal, everything is taken to the target's centre.
        target: ``(n, 2)`` points.

    Returns:
        float64 ``(2, 3)``.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    p, q = source - source_mean, target - target_mean
    norm = max((p**2).sum(), np.finfo(np.float64).tiny)
    cos = (p * q).sum() / norm
    sin = (p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum() / norm
    linear = np.array([[cos, -sin], [sin, cos]])
    return np.column_stack([linear, target_mean - linear @ source_mean])


def kept_faces(faces: Faces, width: int, height: int, policy: Keep) -> NDArray[np.bool_]:
    """Tells which faces of one photo are kept.

    Args:
        faces: Faces of the photo.
        width: Width of the photo in pixels.
        height: Height of the photo in pixels.
        policy: ``all``; ``largest`` box; ``center``: largest area minus twice the squared
            distance of the box's centre from the photo's (davidsandberg/facenet); ``best`` score.
            The first of equals.

    Returns:
        bool ``(n,)``.
    """
    if policy == "all" or len(faces) == 0:
        return np.ones(len(faces), np.bool_)
    boxes = faces.boxes.astype(np.float64)
    if policy == "center":
        value = centrality(boxes, np.array([width, height]))
    elif policy == "best":
        value = faces.scores.astype(np.float64)
    else:
        value = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    chosen: NDArray[np.bool_] = np.arange(len(faces)) == np.argmax(value)
    return chosen


def centrality(
    boxes: NDArray[np.floating], photos: NDArray[np.integer] | NDArray[np.floating]
) -> NDArray[np.float64]:
    """Weighs how large faces are, and how near to the centre of their photo.

    The area of the box minus twice the squared distance of its centre from the photo's
    (davidsandberg/facenet).

    Args:
        boxes: ``(n, 4)``: x1, y1, x2, y2 in pixels.
        photos: ``(n, 2)`` or ``(2,)``: width and height of the photo in pixels.

    Returns:
        float64 ``(n,)``, in square pixels.
    """
    low, high = boxes[:, :2].astype(np.float64), boxes[:, 2:].astype(np.float64)
    offset = (low + high) / 2 - photos / 2
    found: NDArray[np.float64] = (high - low).prod(axis=1) - 2 * (offset**2).sum(axis=1)
    return found
