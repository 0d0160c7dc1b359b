"""What is known of a photo and what was found in it, as the protocols compare them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.evaluation.overlaps import Floats

Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Annotation:
    """The faces of one photo.

    Attributes:
        boxes: float64 ``(n, 4)``: x1, y1, x2, y2 in pixels.
        counted: Subset -> indices of the faces that belong to it. The other faces of the photo
            neither count nor cost there.
        invalid: bool ``(n,)``: faces that the annotators took for unusable; none unless given.

    Raises:
        ValueError: Shapes or indices do not belong together.
    """

    boxes: Floats
    counted: Mapping[str, Indices]
    invalid: Bools = field(default_factory=lambda: np.zeros(0, np.bool_))

    def __post_init__(self) -> None:
        boxes = _boxes(self.boxes)
        n = len(boxes)
        counted = {name: np.asarray(i, np.intp).reshape(-1) for name, i in self.counted.items()}
        for name, indices in counted.items():
            if np.any((indices < 0) | (indices >= n)) or len(np.unique(indices)) < len(indices):
                raise ValueError(f"the subset {name} names a face twice, or one that is not there")
        invalid = np.asarray(self.invalid, np.bool_)
        if invalid.size == 0:
            invalid = np.zeros(n, np.bool_)
        if invalid.shape != (n,):
            raise ValueError(f"invalid of {n} faces must have shape {(n,)}, not {invalid.shape}")
        object.__setattr__(self, "boxes", boxes)
        object.__setattr__(self, "counted", counted)
        object.__setattr__(self, "invalid", invalid)

    def is_counted(self, subset: str) -> Bools:
        """Tells of each face whether it belongs to a subset, bool ``(n,)``."""
        mask = np.zeros(len(self.boxes), np.bool_)
        mask[self.counted[subset]] = True
        return mask


@dataclass(frozen=True, eq=False)
class Detections:
    """What a detector found in one photo.

    Attributes:
        boxes: float64 ``(n, 4)``: x1, y1, x2, y2 in pixels.
        scores: float64 ``(n,)``, any range; larger is surer.

    Raises:
        ValueError: The shapes do not belong together, or a number is not finite.
    """

    boxes: Floats
    scores: Floats

    def __post_init__(self) -> None:
        boxes = _boxes(self.boxes)
        scores = np.asarray(self.scores, np.float64)
        if scores.shape != (len(boxes),):
            raise ValueError(f"there are {len(boxes)} boxes, but scores of shape {scores.shape}")
        if not np.isfinite(scores).all():
            raise ValueError("a score is not a finite number")
        object.__setattr__(self, "boxes", boxes)
        object.__setattr__(self, "scores", scores)

    @classmethod
    def empty(cls) -> Detections:
        """Returns no detections."""
        return cls(np.empty((0, 4)), np.empty(0))

    def __len__(self) -> int:
        return len(self.scores)

    def best_first(self) -> Detections:
        """Returns the detections by descending score; equal scores stay in their order."""
        order = np.argsort(-self.scores, kind="stable")
        return Detections(self.boxes[order], self.scores[order])


def subsets(truth: Mapping[str, Annotation]) -> tuple[str, ...]:
    """Returns the subsets that all annotations name, in the order of the first one."""
    annotations = list(truth.values())
    first = annotations[0].counted if annotations else {}
    return tuple(name for name in first if all(name in other.counted for other in annotations))


def _boxes(boxes: Floats) -> Floats:
    array = np.asarray(boxes, np.float64)
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f"boxes must have shape (n, 4), not {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError("a box has a coordinate that is not a finite number")
    return array
