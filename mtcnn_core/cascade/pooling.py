"""How overlapping candidates become one face."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.cascade import boxes as bx
from mtcnn_core.cascade.candidates import Candidates
from mtcnn_core.cascade.scores import sigmoid
from mtcnn_core.settings.detector import Pooling

# Candidates that overlap by more than this look at the same face.
_SAME = 0.5
# score = sigmoid(_SLOPE * (logit + _SUPPORT * ln(1 + support) - _EVEN)).
_SUPPORT = 3.0
_SLOPE, _EVEN = 0.57, 7.6


class Pooled(NamedTuple):
    """Faces, by falling score.

    Attributes:
        boxes: float32 ``(n, 4)``: x1, y1, x2, y2.
        scores: float32 ``(n,)`` in [0, 1].
        views: intp ``(n,)``: numbers of the views that the strongest of their candidates are from.
    """

    boxes: bx.Boxes
    scores: bx.Scores
    views: NDArray[np.intp]


def strongest(found: Candidates, overlap: float, views: int) -> Pooled:
    """Keeps of overlapping boxes the one with the highest score, as the paper does.

    Args:
        found: The candidates.
        overlap: Intersection over the smaller box above which the weaker one goes.
        views: Not used.
    """
    keep = bx.nms_minimum(found.boxes, found.logits, overlap)
    return Pooled(found.boxes[keep], sigmoid(found.logits[keep]), found.views[keep])


def supported(found: Candidates, overlap: float, views: int) -> Pooled:
    """Takes the mean of overlapping boxes; what more of them agree on is more likely a face.

    The support of a candidate is the sum of the probabilities of those that overlap it by half,
    itself included, for two views. The box that stays is the mean of all that overlap it, by their
    probabilities.

    The score is a probability, fitted to what of WIDER FACE is a face.

    Args:
        found: The candidates.
        overlap: Intersection over union above which the weaker one goes.
        views: In how many views the candidates were looked for.
    """
    chances = sigmoid(found.logits)
    same = bx.overlapping(found.boxes, found.boxes, _SAME)
    support = same @ chances * np.float32(2 / views)
    evidence = found.logits + np.float32(_SUPPORT) * np.log1p(support)
    keep = bx.nms(found.boxes, evidence, overlap)
    votes = same[keep] * chances
    boxes = votes @ found.boxes / votes.sum(axis=1, keepdims=True)
    scores = sigmoid(_SLOPE * (evidence[keep] - _EVEN))
    return Pooled(boxes.astype(np.float32), scores, found.views[keep])


POOLINGS: dict[Pooling, Callable[[Candidates, float, int], Pooled]] = {
    "strongest": strongest,
    "support": supported,
}
