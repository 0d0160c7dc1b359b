"""Average precision by the official WIDER FACE protocol (Yang et al., 2016).

As the benchmark's own toolkit does it: widths and heights in overlaps carry a ``+ 1``; scores are
normalised over all photos; precision and recall are read off at 1000 thresholds; a detection whose
best face does not belong to the subset neither counts nor costs; and a photo without any annotated
face is left out, whatever is found there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.evaluation.annotations import Annotation, Bools, Detections, Indices, subsets
from mtcnn_core.evaluation.overlaps import Floats, iou

__all__ = [
    "EDGE",
    "OVERLAP",
    "SUBSETS",
    "Annotation",
    "Counts",
    "Curve",
    "Detections",
    "average_precision",
    "count",
    "match",
    "subsets",
]

SUBSETS = ("easy", "medium", "hard")
OVERLAP = 0.5
_THRESHOLDS = 1 - np.arange(1, 1001) / 1000
EDGE = 1.0  # added to widths and heights in overlaps


@dataclass(frozen=True, eq=False)
class Curve:
    """Precision over recall.

    Attributes:
        recall: float64 ``(1000,)``, rising.
        precision: float64 ``(1000,)``; 0 as long as there is no detection.
        thresholds: float64 ``(1000,)``, falling, in the detector's own scores.
    """

    recall: Floats
    precision: Floats
    thresholds: Floats

    @property
    def average_precision(self) -> float:
        """Area under the precision envelope; NaN if there was no face to be found."""
        return area(self.precision, self.recall)


@dataclass(frozen=True, eq=False)
class Counts:
    """What each photo adds to a precision-recall curve, at each of 1000 thresholds.

    Attributes:
        photos: The names of the photos, in the order of the rows below.
        proposals: int32 ``(photos, 1000)``: detections that count, whether right or wrong.
        hits: int32 ``(photos, 1000)``: faces found.
        faces: int32 ``(photos,)``: faces to be found.
        thresholds: float64 ``(1000,)``, falling, in the detector's own scores.
    """

    photos: tuple[str, ...]
    proposals: NDArray[np.int32]
    hits: NDArray[np.int32]
    faces: NDArray[np.int32]
    thresholds: Floats

    def curve(self, weights: NDArray[np.int64] | None = None) -> Curve:
        """Adds the photos up.

        Args:
            weights: ``(photos,)``: how often each photo counts; once, unless given.
        """
        if weights is None:
            weights = np.ones(len(self.faces), np.int64)
        proposals, hits = weights @ self.proposals, weights @ self.hits
        return curve_of(proposals, hits, int(weights @ self.faces), self.thresholds)


def average_precision(
    truth: Mapping[str, Annotation], found: Mapping[str, Detections], subset: str
) -> float:
    """Returns the area under the precision envelope over recall for one subset; see `count`."""
    return count(truth, found, subset).curve().average_precision


def count(truth: Mapping[str, Annotation], found: Mapping[str, Detections], subset: str) -> Counts:
    """Compares detections with what is known.

    Args:
        truth: Photo -> its annotation.
        found: Photo -> detections; a photo without an entry has none, and photos that the truth
            does not name are left out.
        subset: A name in `Annotation.counted`: ``easy``, ``medium`` or ``hard``.
    """
    low, high = _range(truth, found)
    proposals = np.zeros((len(truth), len(_THRESHOLDS)), np.int32)
    hits = np.zeros_like(proposals)
    faces = np.zeros(len(truth), np.int32)
    for row, (name, annotation) in enumerate(truth.items()):
        faces[row] = len(annotation.counted[subset])
        detections = found.get(name)
        if detections is None or len(detections) == 0 or len(annotation.boxes) == 0:
            continue
        ranked = detections.best_first()
        is_proposal, hit_faces = match(annotation, ranked.boxes, subset)
        # One range for all photos; a detector that knows a single score is sure of everything.
        scores = (ranked.scores - low) / (high - low) if high > low else np.ones(len(ranked))
        above = np.searchsorted(-scores, -_THRESHOLDS, side="right")
        proposals[row] = np.concatenate([[0], np.cumsum(is_proposal)])[above]
        hits[row] = np.concatenate([[0], np.cumsum(hit_faces >= 0)])[above]
    return Counts(tuple(truth), proposals, hits, faces, low + _THRESHOLDS * (high - low))


def match(annotation: Annotation, boxes: Floats, subset: str) -> tuple[Bools, Indices]:
    """Goes through the boxes of one photo, best first.

    Args:
        annotation: The faces of the photo.
        boxes: ``(n, 4)``, by descending score.
        subset: Which faces count.

    Returns:
        For each box whether it counts as a proposal (its face is not one to be ignored), and the
        index of the face that it is the first to find, or -1.
    """
    first_to_find = np.full(len(boxes), -1, np.intp)
    if len(boxes) == 0 or len(annotation.boxes) == 0:
        return np.ones(len(boxes), np.bool_), first_to_find
    overlaps = iou(boxes, annotation.boxes, edge=EDGE)
    best = overlaps.argmax(axis=1)
    is_match = overlaps[np.arange(len(boxes)), best] >= OVERLAP
    counts = annotation.is_counted(subset)[best]
    rights = np.flatnonzero(is_match & counts)
    found, first = np.unique(best[rights], return_index=True)
    first_to_find[rights[first]] = found
    return ~is_match | counts, first_to_find


def curve_of(
    proposals: NDArray[np.int64], hits: NDArray[np.int64], faces: int, thresholds: Floats
) -> Curve:
    """Turns sums over photos into precision and recall.

    Args:
        proposals: ``(1000,)``.
        hits: ``(1000,)``.
        faces: How many there are to be found; 0 makes recall NaN.
        thresholds: ``(1000,)``, for the record.
    """
    precision = np.divide(hits, proposals, out=np.zeros(len(hits)), where=proposals > 0)
    recall = hits / faces if faces else np.full(len(hits), np.nan)
    return Curve(recall, precision, thresholds)


def area(precision: Floats, recall: Floats) -> float:
    """Returns the area under the envelope, the best precision at each recall or beyond."""
    recall = np.concatenate([[0], recall, [1]])
    precision = np.concatenate([[0], precision, [0]])
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall) * envelope[1:]).sum())


def _range(truth: Mapping[str, Annotation], found: Mapping[str, Detections]) -> tuple[float, float]:
    scores = [found[name].scores for name in truth if name in found]
    known = np.concatenate(scores) if scores else np.empty(0)
    return (float(np.min(known)), float(np.max(known))) if len(known) else (0.0, 1.0)
