"""What O-Net finds, before overlapping boxes become one face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.cascade.boxes import Boxes, Scores


@dataclass(frozen=True, eq=False)
class Candidates:
    """Boxes that O-Net takes for faces, in pixels of one image; several a face.

    Attributes:
        boxes: float32 ``(n, 4)``: x1, y1, x2, y2.
        logits: float32 ``(n,)``: O-Net's opinion, whose sigmoid is its softmax.
        views: intp ``(n,)``: numbers of the views of the photo that they were found in.
    """

    boxes: Boxes
    logits: Scores
    views: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.logits)

    @classmethod
    def joined(cls, parts: Sequence[Candidates]) -> Candidates:
        """Returns the candidates of several views as one, one view after the other."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.logits for part in parts]),
            np.concatenate([part.views for part in parts]),
        )
