"""Average precision on large faces, after Open Model Zoo's figures for WIDER FACE.

Faces that are too small, or invalid, are ignored: a detection that finds one, or that lies within
one for the most part, neither counts nor costs. Each other face is found once; a second detection
of it is wrong. Overlaps are plain (without ``+ 1``), scores are taken as they are, and every
detection is a threshold.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import numpy as np

from mtcnn_core.evaluation.annotations import Annotation, Bools, Detections
from mtcnn_core.evaluation.overlaps import Floats, covered, iou
from mtcnn_core.evaluation.wider_face import OVERLAP, area

SMALLEST = 64.0


class Rule(Enum):
    """Which faces are large.

    Attributes:
        BOTH_SIDES: Width and height are 64 px or more; a detection smaller than that which finds
            no large face is left out of account, since faces of its size are not asked for. The
            detector face-detection-0204 has .969 by this rule on 292 validation photos.
        HEIGHT: The height is 64 px or more; a small detection that finds nothing is wrong. This
            is what the configuration published with face-detection-0204 says (.929 on all 3,226
            photos; .921 on the same 292), but for its rounding of boxes.
    """

    BOTH_SIDES = "both_sides"
    HEIGHT = "height"


def faces(truth: Mapping[str, Annotation], rule: Rule = Rule.BOTH_SIDES) -> int:
    """Returns how many faces there are to be found."""
    return sum(int(_is_counted(annotation, rule).sum()) for annotation in truth.values())


def average_precision(
    truth: Mapping[str, Annotation],
    found: Mapping[str, Detections],
    rule: Rule = Rule.BOTH_SIDES,
) -> float:
    """Returns the area under the precision envelope over recall, or NaN without a large face.

    Args:
        truth: Photo -> its annotation.
        found: Photo -> detections; a photo without an entry has none, and photos that the truth
            does not name are left out.
        rule: Which faces are large.
    """
    there = faces(truth, rule)
    if not there:
        return float("nan")
    scores, hits = [np.empty(0)], [np.empty(0, np.bool_)]
    for name, annotation in truth.items():
        if name in found:
            detections = found[name].best_first()
            is_account, is_hit = _judge(annotation, detections.boxes, rule)
            scores.append(detections.scores[is_account])
            hits.append(is_hit[is_account])
    order = np.argsort(-np.concatenate(scores), kind="stable")
    right = np.cumsum(np.concatenate(hits)[order])
    return area(right / np.arange(1, len(right) + 1), right / there)


def _judge(annotation: Annotation, boxes: Floats, rule: Rule) -> tuple[Bools, Bools]:
    """Tells of each box, best first, whether it is taken into account and whether it is right."""
    is_hit = np.zeros(len(boxes), np.bool_)
    counted = _is_counted(annotation, rule)
    is_idle = covered(boxes, annotation.boxes[~counted]).max(axis=1, initial=0.0) >= OVERLAP
    if rule is Rule.BOTH_SIDES:
        is_idle |= ~_is_large(boxes, rule)
    overlaps = iou(boxes, annotation.boxes[counted])
    finds = np.flatnonzero(overlaps.max(axis=1, initial=0.0) >= OVERLAP)
    if len(finds):
        _, first = np.unique(overlaps[finds].argmax(axis=1), return_index=True)
        is_hit[finds[first]] = True
        is_idle[finds] = False
    return ~is_idle, is_hit


def _is_counted(annotation: Annotation, rule: Rule) -> Bools:
    counted: Bools = _is_large(annotation.boxes, rule) & ~annotation.invalid
    return counted


def _is_large(boxes: Floats, rule: Rule) -> Bools:
    sides = boxes[:, 2:] - boxes[:, :2]
    side = sides[:, 1] if rule is Rule.HEIGHT else sides.min(axis=1)
    is_large: Bools = side >= SMALLEST
    return is_large
