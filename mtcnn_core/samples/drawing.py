"""Squares drawn at random, about faces, beside them and anywhere."""

from __future__ import annotations

import numpy as np

from mtcnn_core.cascade.boxes import Boxes

# As in github.com/CongWeilin/mtcnn-caffe (12net/gen_12net_data.py): sides from .8 of the shorter to
# 1.25 of the longer one, centres a fifth of the face away at most.
_SHORTEST, _LONGEST, _SHIFT = 0.8, 1.25, 0.2


def about(boxes: Boxes, count: int, rng: np.random.Generator) -> Boxes:
    """Draws squares that overlap faces well.

    Args:
        boxes: float32 ``(n, 4)``: the faces.
        count: Squares of each.
        rng: Random numbers.

    Returns:
        float32 ``(n * count, 4)``, those of a face one after the other.
    """
    faces = np.repeat(boxes, count, axis=0)
    size = faces[:, 2:] - faces[:, :2]
    side = rng.uniform(_SHORTEST * size.min(axis=1), _LONGEST * size.max(axis=1))
    centre = (faces[:, :2] + faces[:, 2:]) / 2 + rng.uniform(-_SHIFT, _SHIFT, size.shape) * size
    return _squares(centre, side)


def beside(boxes: Boxes, count: int, smallest: float, rng: np.random.Generator) -> Boxes:
    """Draws squares that reach into faces, or nearly.

    Args:
        boxes: float32 ``(n, 4)``: the faces.
        count: Squares of each.
        smallest: Least side in pixels.
        rng: Random numbers.

    Returns:
        float32 ``(n * count, 4)``, those of a face one after the other.
    """
    faces = np.repeat(boxes, count, axis=0)
    size = faces[:, 2:] - faces[:, :2]
    longest = np.maximum(size.max(axis=1) * 2, smallest + 1)
    side = np.exp(rng.uniform(np.log(smallest), np.log(longest)))
    corner = faces[:, :2] + rng.uniform(-1, 1, size.shape) * np.maximum(size, side[:, None])
    return _squares(corner + side[:, None] / 2, side)


def anywhere(
    width: int, height: int, count: int, smallest: float, rng: np.random.Generator
) -> Boxes:
    """Draws squares inside a photo, from the smallest to half of its shorter side.

    Returns:
        float32 ``(count, 4)``; none where the photo is too small for any.
    """
    longest = min(width, height) / 2
    if longest <= smallest:
        return np.empty((0, 4), np.float32)
    side = rng.uniform(smallest, longest, count)
    corner = rng.uniform(0, 1, (count, 2)) * (np.array([width, height]) - side[:, None])
    return _squares(corner + side[:, None] / 2, side)


def _squares(centre: np.ndarray, side: np.ndarray) -> Boxes:
    half = side[:, None] / 2
    return np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)
