"""Landmark samples: faces with five points, cut as the detector cuts them for the landmarks."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.cascade import boxes as bx
from mtcnn_core.cascade.output_stage import tight
from mtcnn_core.cascade.scores import logit
from mtcnn_core.cascade.views import unmirrored
from mtcnn_core.samples.labels import fractions
from mtcnn_core.samples.samples import LANDMARK, Samples
from mtcnn_core.samples.shown import Shown
from mtcnn_core.samples.truth import Doubles, TrueFaces
from mtcnn_core.settings.samples import SampleSettings

# The square of a face that nobody has boxed and the cascade has not found, by its points: median
# over the faces of MTFL that it does find, as multiples of their mean distance from their centre.
_SIDE, _DOWN = 3.3, -0.17
# Overlap from which a box is taken for that of the same face, and its least score.
_SAME, _SURE = 0.3, logit(0.9)
# The squares in whose mean O-Net's points are meant: mean error on LFW .0398 of the distance of the
# eyes, and .0423 in one.
_SHIFTS, _SCALES = (-0.04, 0.04), (0.95, 1.08)


def landmark_samples(
    truth: TrueFaces, shown: Shown, settings: SampleSettings, rng: np.random.Generator, side: int
) -> tuple[Samples, int]:
    """Returns the landmark samples of a photo, and how many faces were left out as doubtful.

    Args:
        truth: Its faces.
        shown: What O-Net is shown of it.
        settings: How many crops of each face, how far they are moved, and whose points are meant.
        rng: Random numbers.
        side: Side of the crops in pixels.
    """
    faces = truth[~truth.ignored]
    if not len(faces) or not settings.landmark_crops:
        return Samples.empty(side), 0
    boxes, is_found = _boxes(faces, shown)
    is_annotated = _is_annotated(faces)
    sides = boxes[:, 2] - boxes[:, 0]
    wants_own = settings.landmark_own > 0
    is_seen = ~is_annotated & is_found & (sides >= settings.landmark_smallest) & wants_own
    asked = np.flatnonzero(is_annotated | is_seen)  # of hundreds of small faces nothing is wanted
    own = np.full(faces.landmarks.shape, np.nan)
    own[asked] = _own_points(shown, boxes[asked])
    doubtful = np.zeros(len(faces), np.bool_)
    if settings.landmark_doubt is not None:
        away = _distance(own, faces.landmarks)
        doubtful = is_annotated & ~(is_found & (away <= settings.landmark_doubt))
    blended = settings.landmark_own * own + (1 - settings.landmark_own) * faces.landmarks
    points = np.where(is_annotated[:, None, None], blended, own)
    taken = np.flatnonzero((is_annotated & ~doubtful) | is_seen)
    samples = _cut(points[taken], boxes[taken], faces.scores[taken], shown, settings, rng, side)
    return samples, int(doubtful.sum())


def _cut(
    points: Doubles,
    boxes: bx.Boxes,
    scores: NDArray[np.float32],
    shown: Shown,
    settings: SampleSettings,
    rng: np.random.Generator,
    side: int,
) -> Samples:
    """Crops about faces, each a little elsewhere."""
    crops = settings.landmark_crops
    points, boxes, scores = (
        np.repeat(points, crops, axis=0),
        np.repeat(boxes, crops, axis=0),
        np.repeat(scores, crops, axis=0),
    )
    squares = _moved(tight(boxes), settings, rng)
    count = len(squares)
    return Samples(
        shown.crops(squares, side),
        np.full(count, LANDMARK, np.int8),
        squares,
        np.full((count, 4), np.nan, np.float32),
        fractions(squares, points),
        np.zeros(count, np.float32),
        (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0).astype(np.float32),
        np.full(count, np.nan, np.float32),
        scores,
    )


def _boxes(faces: TrueFaces, shown: Shown) -> tuple[bx.Boxes, NDArray[np.bool_]]:
    """The box of each face: as the cascade finds it, else as it is annotated or as its points say.

    The detector looks for landmarks in what it has found, so they are learned from in that.

    Returns:
        float32 ``(n, 4)``, and bool ``(n,)``: which were found.
    """
    is_found = np.zeros(len(faces), np.bool_)
    boxes = np.where(np.isnan(faces.boxes), _about(faces.landmarks), faces.boxes)
    boxes = boxes.astype(np.float32)
    if len(shown.found):
        overlaps = bx.iou(boxes, shown.found)
        sure = np.where(overlaps >= _SAME, shown.scores[None], -np.inf)
        best = sure.argmax(axis=1)
        is_found = sure[np.arange(len(boxes)), best] >= _SURE
        boxes[is_found] = shown.found[best[is_found]]
    return boxes, is_found


def _own_points(shown: Shown, boxes: bx.Boxes) -> Doubles:
    """Where O-Net sees the points of faces, in the mean over squares about them and mirrors.

    Returns:
        float64 ``(n, 5, 2)`` in pixels of the photo.
    """
    squares = tight(boxes)
    sides = squares[:, 2:3] - squares[:, :1]
    ways = list(product(_SHIFTS, _SHIFTS, _SCALES))
    moved = np.concatenate(
        [
            bx.scale(squares, factor) + sides * np.array([right, down] * 2, np.float32)
            for right, down, factor in ways
        ]
    )
    looks = shown.heads(moved, False), unmirrored(shown.heads(moved, True))
    seen = np.stack([bx.points(moved, heads[:, 5:]) for heads in looks])
    mean: Doubles = seen.reshape(2 * len(ways), len(boxes), 5, 2).mean(axis=0, dtype=np.float64)
    return mean


def _is_annotated(faces: TrueFaces) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(faces.landmarks).all(axis=(1, 2)), np.bool_)


def _distance(found: Doubles, true: Doubles) -> Doubles:
    """How far points are from others in the mean, of the distance of the eyes of those; (n,)."""
    eyes = np.linalg.norm(true[:, 0] - true[:, 1], axis=1)
    away = np.linalg.norm(found - true, axis=2).mean(axis=1)
    relative: Doubles = away / np.maximum(eyes, 1e-9)
    return relative


def _about(landmarks: Doubles) -> Doubles:
    """A square about the points of each face."""
    centre = landmarks.mean(axis=1)
    spread = np.linalg.norm(landmarks - centre[:, None], axis=2).mean(axis=1)[:, None]
    middle = centre + np.concatenate([np.zeros_like(spread), _DOWN * spread], axis=1)
    half = _SIDE / 2 * spread
    return np.concatenate([middle - half, middle + half], axis=1)


def _moved(
    squares: bx.Boxes, settings: SampleSettings, rng: np.random.Generator
) -> NDArray[np.float32]:
    sides = squares[:, 2:3] - squares[:, :1]
    centre = (squares[:, :2] + squares[:, 2:]) / 2
    shift, scale = settings.landmark_shift, settings.landmark_scale
    centre = centre + rng.uniform(-shift, shift, centre.shape) * sides
    half = sides / 2 * (1 + rng.uniform(-scale, scale, sides.shape))
    return np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)
