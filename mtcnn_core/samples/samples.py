"""Samples: crops of one network's size, with all that can be learned from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# What a sample is, by its number. Positives and negatives tell faces from the rest, positives and
# parts where the face is, landmark samples where its five points are; nothing is learned of whether
# the last kind, between negatives and parts or on a face to be ignored, is a face.
KINDS = ("negative", "part", "positive", "landmark", "ignore")
NEGATIVE, PART, POSITIVE, LANDMARK, IGNORE = range(len(KINDS))


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples of one network, a row each.

    Attributes:
        pixels: uint8 ``(n, side, side, 3)`` RGB, black outside the photo.
        kinds: int8 ``(n,)``: numbers in :data:`KINDS`.
        squares: float32 ``(n, 4)``: x1, y1, x2, y2 of the crop in pixels of the photo.
        boxes: float32 ``(n, 4)``: how far x1, y1, x2, y2 of the face are from those of the square,
            as fractions of its side; NaN where that is not known.
        landmarks: float32 ``(n, 5, 2)``: x and y of the points as fractions of the square, from its
            upper left corner; NaN where they are not known.
        ious: float32 ``(n,)``: largest intersection over union with a face of the photo.
        sizes: float32 ``(n,)``: the longer side in pixels of the face it was made of or overlaps
            most; NaN where it overlaps none.
        scores: float32 ``(n,)``: logit of the network as it was when the samples were made; NaN
            where it was not asked.
        targets: float32 ``(n,)``: how surely it is a face, by the ground truth: 1 or 0, or the
            score that a teacher has given the face.
    """

    pixels: NDArray[np.uint8]
    kinds: NDArray[np.int8]
    squares: Floats
    boxes: Floats
    landmarks: Floats
    ious: Floats
    sizes: Floats
    scores: Floats
    targets: Floats

    def __len__(self) -> int:
        return len(self.kinds)

    def __getitem__(self, index: Any) -> Samples:
        """The samples of a slice, a mask or numbers."""
        return Samples(*(getattr(self, field.name)[index] for field in fields(self)))

    @property
    def side(self) -> int:
        """Side of the crops in pixels."""
        return int(self.pixels.shape[1])

    @classmethod
    def empty(cls, side: int) -> Samples:
        """No samples."""
        none = np.empty(0, np.float32)
        return cls(
            np.empty((0, side, side, 3), np.uint8),
            np.empty(0, np.int8),
            np.empty((0, 4), np.float32),
            np.empty((0, 4), np.float32),
            np.empty((0, 5, 2), np.float32),
            *(none,) * 4,
        )

    @classmethod
    def joined(cls, parts: Sequence[Samples]) -> Samples:
        """The samples of several, one after the other.

        Raises:
            ValueError: There is none.
        """
        if len(parts) == 1:
            return parts[0]
        return cls(
            *(
                np.concatenate([getattr(part, field.name) for part in parts])
                for field in fields(cls)
            )
        )
