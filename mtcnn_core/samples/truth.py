"""What is known of the faces of a photo, as samples are made by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TrueFaces:
    """The faces of one photo, in pixels of the displayed photo.

    Attributes:
        boxes: float64 ``(n, 4)``: x1, y1, x2, y2; NaN where only landmarks are known.
        landmarks: float64 ``(n, 5, 2)`` as x, y: eyes, nose, mouth corners, left first; NaN where
            they are not known.
        ignored: bool ``(n,)``: faces that nothing is to be learned from.
        scores: float32 ``(n,)``: how sure a teacher is of each; 1 where a person has said so.
    """

    boxes: Doubles
    landmarks: Doubles
    ignored: NDArray[np.bool_]
    scores: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, index: NDArray[np.bool_]) -> TrueFaces:
        """The faces of a mask."""
        return TrueFaces(
            self.boxes[index], self.landmarks[index], self.ignored[index], self.scores[index]
        )

    @classmethod
    def of(
        cls,
        boxes: Doubles,
        landmarks: Doubles | None = None,
        ignored: NDArray[np.bool_] | None = None,
        scores: NDArray[np.float32] | None = None,
    ) -> TrueFaces:
        """Returns faces of which not all is known; none is ignored unless said."""
        n = len(boxes)
        return cls(
            np.asarray(boxes, np.float64).reshape(-1, 4),
            np.full((n, 5, 2), np.nan) if landmarks is None else np.asarray(landmarks, np.float64),
            np.zeros(n, np.bool_) if ignored is None else ignored,
            np.ones(n, np.float32) if scores is None else scores,
        )

    def unusable(self, width: int, height: int) -> NDArray[np.bool_]:
        """Tells which boxes have no area, or none inside the photo; bool ``(n,)``.

        A face of which only landmarks are known is usable.
        """
        overlap = np.minimum(self.boxes[:, 2:], (width, height)) - np.maximum(self.boxes[:, :2], 0)
        none: NDArray[np.bool_] = np.any(overlap <= 0, axis=1)
        return none
