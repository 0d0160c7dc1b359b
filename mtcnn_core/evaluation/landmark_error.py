"""How far the five landmarks of found faces are from where they were annotated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mtcnn_core.evaluation.annotations import Indices
from mtcnn_core.evaluation.overlaps import Floats, iou
from mtcnn_core.faces import Faces

FAILURE = 0.1
_OVERLAP = 0.2


@dataclass(frozen=True, eq=False)
class AnnotatedFaces:
    """The faces of one photo with their points.

    Attributes:
        points: float64 ``(n, 5, 2)`` as x, y: left eye, right eye, nose, left and right mouth
            corner, where left is the smaller x on an upright face.
        boxes: float64 ``(n, 4)``: x1, y1, x2, y2; NaN where a face has none.

    Raises:
        ValueError: The shapes do not belong together, a point is not finite, or the eyes of a face
            are in one place, which leaves nothing to measure distances by.
    """

    points: Floats
    boxes: Floats

    def __post_init__(self) -> None:
        points = np.asarray(self.points, np.float64)
        boxes = np.asarray(self.boxes, np.float64)
        n = len(points)
        if points.shape != (n, 5, 2) or boxes.shape != (n, 4):
            raise ValueError(
                f"points must be (n, 5, 2) and boxes (n, 4), not {points.shape} and {boxes.shape}"
            )
        if not np.isfinite(points).all():
            raise ValueError("a point has a coordinate that is not a finite number")
        if not (_eye_distances(points) > 0).all():
            raise ValueError("the eyes of a face are in one place")
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "boxes", boxes)

    def __len__(self) -> int:
        return len(self.points)


@dataclass(frozen=True, eq=False)
class LandmarkErrors:
    """One row for each annotated face.

    Attributes:
        photos: ``n`` keys.
        faces: intp ``(n,)``: which face of its photo it is.
        detections: intp ``(n,)``: which detection of its photo found it, or -1.
        distances: float64 ``(n, 5)``: of each point from its place, over the distance of the
            annotated eyes; NaN where the face was not found.
    """

    photos: tuple[str, ...]
    faces: Indices
    detections: Indices
    distances: Floats

    def __len__(self) -> int:
        return len(self.photos)

    @property
    def errors(self) -> Floats:
        """The error of each face, ``(n,)``: the mean over its points; NaN if not found."""
        errors: Floats = self.distances.mean(axis=1)
        return errors

    @property
    def found(self) -> int:
        """How many of the faces were found."""
        return int((self.detections >= 0).sum())

    @property
    def mean(self) -> float:
        """Normalised mean error over the faces that were found; NaN if none was."""
        return float(self.errors[self.detections >= 0].mean()) if self.found else float("nan")

    @property
    def median(self) -> float:
        """Median of the errors of the faces that were found, which few wrong annotations leave.

        NaN if none was found.
        """
        return float(np.median(self.errors[self.detections >= 0])) if self.found else float("nan")

    @property
    def mean_by_point(self) -> Floats:
        """Normalised mean error of each point, ``(5,)``, in the order of `faces.LANDMARKS`."""
        if not self.found:
            return np.full(5, np.nan)
        means: Floats = self.distances[self.detections >= 0].mean(axis=0)
        return means

    def failure_rate(self, limit: float = FAILURE) -> float:
        """Returns the share of all faces that were not found or have a larger error, or NaN."""
        return 1 - float(self.cumulative(np.array([limit]))[0])

    def cumulative(self, limits: Floats) -> Floats:
        """Returns the share of all faces with an error of at most each limit."""
        if not len(self):
            return np.full(len(limits), np.nan)
        # NaN is never within a limit.
        shares: Floats = (self.errors[None, :] <= limits[:, None]).mean(axis=1)
        return shares


def landmark_errors(
    truth: Mapping[str, AnnotatedFaces], found: Mapping[str, Faces]
) -> LandmarkErrors:
    """Compares landmarks with what is known.

    A detection can only find a face if its box holds the centre of the annotated points and, for a
    face with a box, overlaps that by 0.2, as loosely as boxes of different sources agree. Of those,
    the pair with the nearest centres comes first, and then belongs to nobody else.

    Args:
        truth: Photo -> its faces.
        found: Photo -> faces; a photo without an entry has none.
    """
    photos: list[str] = []
    indices, detections, distances = [np.empty(0, np.intp)], [np.empty(0, np.intp)], []
    for photo, annotated in truth.items():
        faces = found.get(photo, Faces.empty())
        match = _match(annotated, faces)
        photos += [photo] * len(annotated)
        indices.append(np.arange(len(annotated)))
        detections.append(match)
        away = np.full((len(annotated), 5), np.nan)
        hit = match >= 0
        landmarks = faces.landmarks[match[hit]].astype(np.float64)
        moved = np.linalg.norm(landmarks - annotated.points[hit], axis=2)
        away[hit] = moved / _eye_distances(annotated.points[hit])[:, None]
        distances.append(away)
    return LandmarkErrors(
        tuple(photos),
        np.concatenate(indices),
        np.concatenate(detections),
        np.concatenate([np.empty((0, 5)), *distances]),
    )


def _match(annotated: AnnotatedFaces, faces: Faces) -> Indices:
    """The detection that finds each face, or -1, ``(n,)``."""
    match = np.full(len(annotated), -1, np.intp)
    boxes = faces.boxes.astype(np.float64)
    centres = (annotated.points.min(axis=1) + annotated.points.max(axis=1)) / 2
    holds = np.all(centres[:, None] >= boxes[None, :, :2], axis=2)
    holds &= np.all(centres[:, None] <= boxes[None, :, 2:], axis=2)
    overlaps = iou(annotated.boxes, boxes)
    has_no_box = np.isnan(annotated.boxes[:, :1])
    is_candidate = holds & (has_no_box | (overlaps >= _OVERLAP))
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    away = np.linalg.norm(centres[:, None] - middles[None], axis=2)
    taken: set[int] = set()
    pairs = np.argwhere(is_candidate)
    nearest_first = np.argsort(away[pairs[:, 0], pairs[:, 1]], kind="stable")
    for face, detection in pairs[nearest_first].tolist():
        if match[face] < 0 and detection not in taken:
            match[face] = detection
            taken.add(detection)
    return match


def _eye_distances(points: Floats) -> Floats:
    distances: Floats = np.linalg.norm(points[:, 0] - points[:, 1], axis=1)
    return distances
