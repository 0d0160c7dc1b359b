"""How well a network does on samples that it has not learned from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.fitting.networks import Heads
from mtcnn_core.samples.samples import NEGATIVE, PART, POSITIVE, Samples

_FALSE_POSITIVES = 0.01


@dataclass(frozen=True)
class Trial:
    """How well a network does; None where the samples cannot tell.

    Attributes:
        recall: Share of the positives that are surer than all but one in a hundred negatives.
        box_iou: Mean intersection over union of the boxes of positives and parts with the faces.
        landmark_error: Mean distance of landmarks from their places, of that between the eyes.
    """

    recall: float | None = None
    box_iou: float | None = None
    landmark_error: float | None = None


def judge(samples: Samples, heads: Heads) -> Trial:
    """Judges what a network says of samples.

    Args:
        samples: What they are.
        heads: What it says of them.
    """
    logits = heads.logits.numpy()
    positive, negative = (logits[samples.kinds == kind] for kind in (POSITIVE, NEGATIVE))
    recall = None
    if len(positive) and len(negative):
        recall = float((positive > np.quantile(negative, 1 - _FALSE_POSITIVES)).mean())
    has_box = (samples.kinds == POSITIVE) | (samples.kinds == PART)
    box_iou = None
    if has_box.any():
        box_iou = float(_iou(heads.boxes.numpy()[has_box], samples.boxes[has_box]).mean())
    error = None
    has_points = ~np.isnan(samples.landmarks).any(axis=(1, 2))
    if heads.landmarks is not None and has_points.any():
        found = heads.landmarks.numpy()[has_points].reshape(-1, 2, 5).transpose(0, 2, 1)
        true = samples.landmarks[has_points]
        eyes = np.linalg.norm(true[:, 0] - true[:, 1], axis=1)
        away = np.linalg.norm(found - true, axis=2).mean(axis=1)
        error = float((away[eyes > 0] / eyes[eyes > 0]).mean())
    return Trial(recall, box_iou, error)


def _iou(offsets: NDArray[np.float32], targets: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of boxes given by offsets of the unit square, pairwise."""
    square = np.array([0, 0, 1, 1], np.float32)
    found, true = offsets + square, targets + square
    low, high = np.maximum(found[:, :2], true[:, :2]), np.minimum(found[:, 2:], true[:, 2:])
    shared = np.maximum(high - low, 0).prod(axis=1)
    areas = [np.maximum(each[:, 2:] - each[:, :2], 0).prod(axis=1) for each in (found, true)]
    ious: NDArray[np.float32] = shared / np.maximum(areas[0] + areas[1] - shared, 1e-6)
    return ious
