"""The faces that were missed, and the detections that are none: the worst first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mtcnn_core.evaluation.annotations import Annotation, Detections
from mtcnn_core.evaluation.overlaps import Floats, iou
from mtcnn_core.evaluation.wider_face import EDGE, OVERLAP

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Mistake:
    """A face that was missed, or a detection that is no face.

    Attributes:
        photo: The key of the photo.
        box: x1, y1, x2, y2 in pixels.
        score: Score of the detection; `None` for a face.
        overlap: With the detection, or the face, that comes nearest to it.
    """

    photo: str
    box: Box
    score: float | None
    overlap: float


def misses(
    truth: Mapping[str, Annotation], found: Mapping[str, Detections], subset: str
) -> list[Mistake]:
    """Lists the faces of a subset that no detection overlaps by half.

    Returns:
        Faces that count in an earlier subset first (``easy`` before ``hard``), then the larger.
    """
    ranked = []
    for photo, annotation in truth.items():
        boxes = found.get(photo, Detections.empty()).boxes
        overlaps = iou(annotation.boxes, boxes, edge=EDGE).max(axis=1, initial=0.0)
        for face in annotation.counted[subset]:
            if overlaps[face] < OVERLAP:
                box = _box(annotation.boxes[face])
                mistake = Mistake(photo, box, None, float(overlaps[face]))
                ranked.append((_first_subset(annotation, int(face)), -_area(box), mistake))
    return [mistake for _, _, mistake in sorted(ranked, key=lambda rank: rank[:2])]


def false_alarms(truth: Mapping[str, Annotation], found: Mapping[str, Detections]) -> list[Mistake]:
    """Lists the detections that overlap no annotated face by half, not even an ignored one.

    Returns:
        By descending score. Photos that the truth does not name are left out.
    """
    alarms = []
    for photo, annotation in truth.items():
        detections = found.get(photo, Detections.empty())
        overlaps = iou(detections.boxes, annotation.boxes, edge=EDGE).max(axis=1, initial=0.0)
        alarms += [
            Mistake(photo, _box(box), float(score), float(overlap))
            for box, score, overlap in zip(
                detections.boxes, detections.scores, overlaps, strict=True
            )
            if overlap < OVERLAP
        ]
    return sorted(alarms, key=lambda alarm: -(alarm.score or 0.0))


def _first_subset(annotation: Annotation, face: int) -> int:
    subsets = enumerate(annotation.counted.values())
    return next(rank for rank, indices in subsets if face in indices)


def _box(box: Floats) -> Box:
    x1, y1, x2, y2 = box.tolist()
    return x1, y1, x2, y2


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
