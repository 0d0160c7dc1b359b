"""The result type: faces as a frozen struct of arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# The order of the landmarks; left is the smaller x on an upright face.
LANDMARKS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")


@dataclass(frozen=True, eq=False)
class Faces:
    """Faces found in one image, in pixels of that image.

    Coordinates are continuous: pixel ``i`` covers ``[i, i + 1)``. Boxes may reach beyond the
    image where a face does. No face is ``len(faces) == 0`` with arrays of the same rank.

    Attributes:
        boxes: float32 ``(n, 4)``: x1, y1, x2, y2.
        scores: float32 ``(n,)`` in [0, 1], descending when they come from a detector.
        landmarks: float32 ``(n, 5, 2)`` as x, y: left eye, right eye, nose, left and right mouth
            corner, where left is the smaller x on an upright face.

    Raises:
        ValueError: The shapes do not belong together.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    landmarks: NDArray[np.float32]

    def __post_init__(self) -> None:
        n = len(self.scores)
        for name, shape in (("boxes", (n, 4)), ("scores", (n,)), ("landmarks", (n, 5, 2))):
            array = np.array(getattr(self, name), dtype=np.float32)
            if array.shape != shape:
                raise ValueError(f"{name} of {n} faces must have shape {shape}, not {array.shape}")
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @classmethod
    def empty(cls) -> Faces:
        """Returns no faces."""
        return cls(np.empty((0, 4)), np.empty(0), np.empty((0, 5, 2)))  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, index: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Faces:
        """Selects faces with a mask, an array of indices or a slice."""
        return Faces(self.boxes[index], self.scores[index], self.landmarks[index])

    def __iter__(self) -> Iterator[Faces]:
        """Yields each face as a ``Faces`` of length 1."""
        return (self[i : i + 1] for i in range(len(self)))

    def scaled(self, x: float, y: float | None = None) -> Faces:
        """Returns them in an image that is so many times as wide, and as high."""
        factor = np.array([x, x if y is None else y], np.float32)
        return Faces(self.boxes * np.tile(factor, 2), self.scores, self.landmarks * factor)

    def moved(self, x: float, y: float) -> Faces:
        """Returns them so many pixels further right and down."""
        shift = np.array([x, y], np.float32)
        return Faces(self.boxes + np.tile(shift, 2), self.scores, self.landmarks + shift)
