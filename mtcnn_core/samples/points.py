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


def landmark_samples(
    truth: TrueFaces, shown: Shown, settings: SampleSettings, rng: np.random.Generator, side: int
) -> Samples:
    """Returns the landmark samples of a photo.

    Args:
        truth: Its faces.
        shown: What O-Net is shown of it.
        settings: How many crops of each face, and how far they are moved.
        rng: Random numbers.
        side: Side of the crops in pixels.
    """
    known = truth[~truth.ignored & ~np.isnan(truth.landmarks).any(axis=(1, 2))]
    if not len(known) or not settings.landmark_crops:
        return Samples.empty(side)
    squares = _moved(
        np.repeat(tight(_boxes(known, shown)), settings.landmark_crops, axis=0), settings, rng
    )
    points = np.repeat(known.landmarks, settings.landmark_crops, axis=0)
    count = len(squares)
    eyes = np.linalg.norm(points.max(axis=1) - points.min(axis=1), axis=1)
    unknown = np.full(count, np.nan, np.float32)
    return Samples(
        shown.crops(squares, side),
        np.full(count, LANDMARK, np.int8),
        squares,
        np.full((count, 4), np.nan, np.float32),
        fractions(squares, points),
        np.zeros(count, np.float32),
        eyes.astype(np.float32),
        unknown,
        np.repeat(known.scores, settings.landmark_crops),
    )


def _boxes(faces: TrueFaces, shown: Shown) -> bx.Boxes:
    """The box of each face: as the cascade finds it, else as it is annotated or as its points say.

    The landmark's crops are cut from what is found, so they are learned from in that.
    """
    boxes = np.where(np.isnan(faces.boxes), _about(faces.landmarks), faces.boxes)
    boxes = boxes.astype(np.float32)
    if len(shown.found):
        overlaps = bx.iou(boxes, shown.found)
        sure = np.where(overlaps >= 0.5, shown.scores[None], -np.inf)
        best = sure.argmax(axis=1)
        is_found = sure[np.arange(len(boxes)), best] > 0
        boxes[is_found] = shown.found[best[is_found]]
    return boxes


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
