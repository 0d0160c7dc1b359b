"""Average precision by the official WIDER FACE protocol (Yang et al., 2016).

After the benchmark's own toolkit: widths and heights in overlaps carry a ``+ 1``; scores are
normalised over the whole set; precision and recall are read off at 1000 thresholds; faces that do
not belong to a subset neither count nor cost.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SUBSETS = ("easy", "medium", "hard")
_THRESHOLDS = 1 - np.arange(1, 1001) / 1000
_OVERLAP = 0.5


@dataclass(frozen=True)
class Annotation:
    """The faces of one photo.

    Attributes:
        boxes: float64 ``(n, 4)``: x, y, width, height in pixels.
        counted: Subset -> indices of the faces that belong to it.
    """

    boxes: Floats
    counted: Mapping[str, list[int]]


@dataclass(frozen=True)
class Detections:
    """What a detector found in one photo.

    Attributes:
        boxes: ``(n, 4)``: x1, y1, x2, y2 in pixels.
        scores: ``(n,)``, any range.
    """

    boxes: Floats
    scores: Floats


def read_annotations(path: Path) -> dict[str, Annotation]:
    """Reads ``gt.jsonl``: photo name -> annotation."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return {
        row["image"]: Annotation(
            np.array(row["boxes_xywh"], np.float64).reshape(-1, 4),
            {subset: row[subset] for subset in SUBSETS},
        )
        for row in rows
    }


def average_precision(
    truth: Mapping[str, Annotation], found: Mapping[str, Detections], subset: str
) -> float:
    """Area under the precision envelope over recall, of one subset.

    Args:
        truth: Photo name -> its annotation.
        found: Photo name -> detections; a photo without an entry has none.
        subset: ``easy``, ``medium`` or ``hard``.
    """
    scores = np.concatenate([d.scores for d in found.values()])
    low, high = scores.min(), scores.max()
    proposals = np.zeros(len(_THRESHOLDS))
    hits = np.zeros(len(_THRESHOLDS))
    faces = 0
    for name, annotation in truth.items():
        counted = annotation.counted[subset]
        faces += len(counted)
        detections = found.get(name)
        if detections is None or len(detections.scores) == 0 or len(annotation.boxes) == 0:
            continue
        order = np.argsort(-detections.scores, kind="stable")
        is_proposal, hits_so_far = _match(annotation.boxes, counted, detections.boxes[order])
        normalised = (detections.scores[order] - low) / (high - low)
        above = (normalised[None, :] >= _THRESHOLDS[:, None]).sum(axis=1)
        proposals += np.concatenate([[0], np.cumsum(is_proposal)])[above]
        hits += np.concatenate([[0], hits_so_far])[above]
    precision = np.divide(hits, proposals, out=np.zeros_like(hits), where=proposals > 0)
    return _area(precision, hits / faces)


def _match(
    faces: Floats, counted: list[int], boxes: Floats
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Goes through the boxes of one photo, best first.

    Returns:
        For each box whether it counts as a proposal (its face is not one to be ignored), and how
        many counted faces have been found up to and including it.
    """
    overlaps = _overlaps(boxes, faces)
    is_proposal = np.ones(len(boxes), bool)
    hits_so_far = np.zeros(len(boxes), np.int64)
    hit: set[int] = set()
    for i, row in enumerate(overlaps):
        face = int(row.argmax())
        if row[face] >= _OVERLAP:
            if face in counted:
                hit.add(face)
            else:
                is_proposal[i] = False
        hits_so_far[i] = len(hit)
    return is_proposal, hits_so_far


def _overlaps(boxes: Floats, faces: Floats) -> Floats:
    corners = np.concatenate([faces[:, :2], faces[:, :2] + faces[:, 2:]], axis=1)
    low = np.maximum(boxes[:, None, :2], corners[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], corners[None, :, 2:])
    shared = np.maximum(high - low + 1, 0).prod(axis=2)
    box_area = (boxes[:, 2:] - boxes[:, :2] + 1).prod(axis=1)
    face_area = (faces[:, 2:] + 1).prod(axis=1)
    overlaps: Floats = shared / (box_area[:, None] + face_area[None, :] - shared)
    return overlaps


def _area(precision: Floats, recall: Floats) -> float:
    recall = np.concatenate([[0], recall, [1]])
    precision = np.concatenate([[0], precision, [0]])
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall) * envelope[1:]).sum())
