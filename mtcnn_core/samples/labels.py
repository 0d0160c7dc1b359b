"""What squares of a photo are, by its ground truth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.cascade import boxes as bx
from mtcnn_core.samples.samples import IGNORE, NEGATIVE, PART, POSITIVE, Samples
from mtcnn_core.samples.truth import TrueFaces
from mtcnn_core.settings.samples import SampleSettings

# A square is on an ignored face, too, where so much of it lies inside: many small faces that nobody
# has outlined are marked by one large box.
_INSIDE = 0.5


class Labels:
    """What is a face in a photo, what is not, and what nobody knows.

    Args:
        truth: Its faces, all of which have an area inside the photo.
        settings: Overlaps, and the smallest face.
    """

    def __init__(self, truth: TrueFaces, settings: SampleSettings) -> None:
        boxed = truth[~np.isnan(truth.boxes[:, 0])]
        sides = (boxed.boxes[:, 2:] - boxed.boxes[:, :2]).max(axis=1, initial=0)
        ignored = boxed.ignored | (sides < settings.smallest)
        self.faces = boxed[~ignored]
        self.sides = sides[~ignored].astype(np.float32)
        self._ignored: bx.Boxes = boxed.boxes[ignored].astype(np.float32)
        self._boxes: bx.Boxes = self.faces.boxes.astype(np.float32)
        self._settings = settings

    def label(
        self,
        squares: bx.Boxes,
        pixels: NDArray[np.uint8],
        scores: NDArray[np.float32] | None = None,
    ) -> Samples:
        """Returns squares as samples.

        Args:
            squares: float32 ``(n, 4)`` in pixels of the photo.
            pixels: uint8 ``(n, side, side, 3)`` RGB, what is to be seen in them.
            scores: float32 ``(n,)``: logits of the network that learns; None if it was not asked.
        """
        kinds, ious, faces = self.kinds(squares)
        count = len(squares)
        boxes = np.full((count, 4), np.nan, np.float32)
        landmarks = np.full((count, 5, 2), np.nan, np.float32)
        sizes = np.full(count, np.nan, np.float32)
        targets = np.zeros(count, np.float32)
        near = ious > 0
        sizes[near] = self.sides[faces[near]]
        on = (kinds == POSITIVE) | (kinds == PART)
        boxes[on] = offsets(squares[on], self._boxes[faces[on]])
        landmarks[on] = fractions(squares[on], self.faces.landmarks[faces[on]])
        sure = kinds == POSITIVE
        targets[sure] = self.faces.scores[faces[sure]]
        unasked = np.full(count, np.nan, np.float32)
        return Samples(
            pixels,
            kinds,
            squares,
            boxes,
            landmarks,
            ious,
            sizes,
            unasked if scores is None else scores,
            targets,
        )

    def kinds(
        self, squares: bx.Boxes
    ) -> tuple[NDArray[np.int8], NDArray[np.float32], NDArray[np.intp]]:
        """Tells the kind of each square, its overlap with the nearest face, and which that is.

        Returns:
            int8 ``(n,)``, float32 ``(n,)`` and intp ``(n,)``; the last is 0 where there is none.
        """
        count = len(squares)
        ious, faces = np.zeros(count, np.float32), np.zeros(count, np.intp)
        if len(self._boxes):
            overlaps = bx.iou(squares, self._boxes)
            faces = overlaps.argmax(axis=1)
            ious = overlaps[np.arange(count), faces]
        said = self._settings
        kinds = np.full(count, IGNORE, np.int8)
        kinds[ious < said.negative_iou] = NEGATIVE
        kinds[(kinds == NEGATIVE) & self._on_ignored(squares)] = IGNORE
        kinds[ious >= said.part_iou] = PART
        kinds[ious >= said.positive_iou] = POSITIVE
        return kinds, ious, faces

    def _on_ignored(self, squares: bx.Boxes) -> NDArray[np.bool_]:
        if not len(self._ignored):
            return np.zeros(len(squares), np.bool_)
        low = np.maximum(squares[:, None, :2], self._ignored[:, :2])
        high = np.minimum(squares[:, None, 2:], self._ignored[:, 2:])
        shared = np.maximum(high - low, 0).prod(axis=2)
        inside = shared >= _INSIDE * (squares[:, 2:] - squares[:, :2]).prod(axis=1)[:, None]
        overlapping = bx.iou(squares, self._ignored) >= self._settings.negative_iou
        on: NDArray[np.bool_] = (inside | overlapping).any(axis=1)
        return on


def offsets(squares: bx.Boxes, boxes: bx.Boxes) -> NDArray[np.float32]:
    """Returns how far the edges of boxes are from those of squares, as fractions of the side.

    The inverse of :func:`mtcnn_core.cascade.boxes.regress`; float32 ``(n, 4)``.
    """
    sides = squares[:, 2:3] - squares[:, :1]
    return np.asarray((boxes - squares) / sides, np.float32)


def fractions(squares: bx.Boxes, points: NDArray[np.float64]) -> NDArray[np.float32]:
    """Returns where points are in squares, as fractions of the side; float32 ``(n, 5, 2)``."""
    sides = (squares[:, 2] - squares[:, 0])[:, None, None]
    return np.asarray((points - squares[:, None, :2]) / sides, np.float32)
