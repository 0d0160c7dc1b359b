"""Landmark samples: faces with five points, cut as the detector cuts them for the landmarks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.cascade import boxes as bx
from mtcnn_core.cascade.output_stage import tight
from mtcnn_core.samples.labels import fractions
from mtcnn_core.samples.samples import LANDMARK, Samples
from mtcnn_core.samples.shown import Shown
from mtcnn_core.samples.truth import Doubles, TrueFaces
from mtcnn_core.settings.samples import SampleSettings

# The square of a face that nobody has boxed and the cascade has not found, by its points: median
# over the faces of MTFL that it does find, as multiples of their mean distance from their centre.
_SIDE, _DOWN = 3.3, -0.17
# Overlap from which a box is taken for that of the same face.
_SAME = 0.3


def landmark_samples(
    truth: TrueFaces, shown: Shown, settings: SampleSettings, rng: np.random.Generator, side: int
) -> tuple[Samples, int]:
    """Returns the landmark samples of a photo, and how many faces were left out as doubtful.

    Args:
        truth: Its faces.
        shown: What O-Net is shown of it.
        settings: How many crops of each face, and how far they are moved.
        rng: Random numbers.
        side: Side of the crops in pixels.
    """
    known = truth[~truth.ignored & ~np.isnan(truth.landmarks).any(axis=(1, 2))]
    if not len(known) or not settings.landmark_crops:
        return Samples.empty(side), 0
    boxes, is_found = _boxes(known, shown)
    doubtful = np.zeros(len(known), np.bool_)
    if settings.landmark_doubt is not None:
        seen = bx.points(tight(boxes), shown.heads(tight(boxes))[:, 5:])
        doubtful = ~is_found | (_distance(seen, known.landmarks) > settings.landmark_doubt)
        known, boxes = known[~doubtful], boxes[~doubtful]
    squares = _moved(np.repeat(tight(boxes), settings.landmark_crops, axis=0), settings, rng)
    points = np.repeat(known.landmarks, settings.landmark_crops, axis=0)
    count = len(squares)
    extent = np.linalg.norm(points.max(axis=1) - points.min(axis=1), axis=1)
    unknown = np.full(count, np.nan, np.float32)
    samples = Samples(
        shown.crops(squares, side),
        np.full(count, LANDMARK, np.int8),
        squares,
        np.full((count, 4), np.nan, np.float32),
        fractions(squares, points),
        np.zeros(count, np.float32),
        extent.astype(np.float32),
        unknown,
        np.repeat(known.scores, settings.landmark_crops),
    )
    return samples, int(doubtful.sum())


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
        is_found = sure[np.arange(len(boxes)), best] > 0
        boxes[is_found] = shown.found[best[is_found]]
    return boxes, is_found


def _distance(found: NDArray[np.float32], true: Doubles) -> Doubles:
    """How far points are from others in the mean, of the distance of the eyes of those; (n,)."""
    eyes = np.linalg.norm(true[:, 0] - true[:, 1], axis=1)
    away: Doubles = np.linalg.norm(found - true, axis=2).mean(axis=1)
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
