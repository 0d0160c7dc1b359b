"""The last stage: what O-Net says of squares, of their mirrors, and of the faces found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.cascade import boxes as bx
from mtcnn_core.cascade.candidates import Candidates
from mtcnn_core.cascade.scores import logit
from mtcnn_core.cascade.sessions import CropSession
from mtcnn_core.cascade.squares import Squares, look
from mtcnn_core.cascade.views import unmirrored
from mtcnn_core.settings.detector import Mirror
from mtcnn_core.stopwatch import Stopwatch

Floats = NDArray[np.float32]

# Side of the square that landmarks are looked for in, of that about the face: mean error on LFW
# .0423 of the distance of the eyes with 0.9, .0451 with 1, .0433 with 0.85, .0564 with 1.1, and
# .0479 in the square that the face was found in.
_TIGHT = 0.9


class OutputStage:
    """O-Net, the last network, on the squares that R-Net has left.

    Args:
        session: O-Net.
        threshold: Lowest score of a face.
        mirror: Which crops O-Net is shown mirrored as well; see
            :class:`mtcnn_core.settings.detector.DetectorSettings`.
        stopwatch: Told the time spent in ``crop``.
    """

    def __init__(
        self, session: CropSession, threshold: float, mirror: Mirror, stopwatch: Stopwatch
    ) -> None:
        self._session = session
        self._limit = logit(threshold)
        self._mirror = mirror
        self._time = stopwatch

    def candidates(self, photos: Sequence[Squares], view: int) -> list[Candidates]:
        """Tells which squares hold faces, and where in them these are.

        Args:
            photos: The squares of each photo.
            view: Number of the view that they were found in.
        """
        answers = self._look(photos)
        if self._mirror == "unsure":
            self._ask_again(photos, answers)
        found = []
        for photo, heads in zip(photos, answers, strict=True):
            passed = heads[:, 0] >= self._limit
            boxes = bx.regress(photo.boxes[passed], heads[passed, 1:5])
            views = np.full(len(boxes), view)
            found.append(Candidates(boxes, heads[passed, 0], views))
        return found

    def landmarks(self, photos: Sequence[Squares]) -> list[Floats]:
        """Places the landmarks of faces, by a tight square about each of them.

        Args:
            photos: The boxes of the faces of each photo, not yet square.

        Returns:
            float32 ``(n, 5, 2)`` of each photo.
        """
        seen = [Squares(photo.pyramid, tight(photo.boxes)) for photo in photos]
        return [
            bx.points(photo.boxes, heads[:, 5:])
            for photo, heads in zip(seen, self._look(seen), strict=True)
        ]

    def _look(self, photos: Sequence[Squares]) -> list[Floats]:
        heads = look(self._session, photos, self._time)
        if self._mirror in ("none", "unsure"):
            return heads
        mirrored = look(self._session, photos, self._time, mirrored=True)
        return [_mean(*pair) for pair in zip(heads, mirrored, strict=True)]

    def _ask_again(self, photos: Sequence[Squares], answers: list[Floats]) -> None:
        """Shows O-Net the mirrors of the crops of which it was nearly sure, and takes the means.

        With the default threshold .7 those have a score from .3 to .7. On 292 photos of WIDER FACE
        they are 5 a photo and worth an AP of .800 / .763 / .563 in place of .793 / .751 / .530;
        from .1 on they are 11, for .799 / .764 / .566.
        """
        unsure = [np.abs(heads[:, 0]) < self._limit for heads in answers]
        asked = [
            Squares(photo.pyramid, photo.boxes[which])
            for photo, which in zip(photos, unsure, strict=True)
        ]
        mirrored = look(self._session, asked, self._time, mirrored=True)
        for heads, which, other in zip(answers, unsure, mirrored, strict=True):
            heads[which] = _mean(heads[which], other)


def tight(boxes: bx.Boxes) -> bx.Boxes:
    """Returns the squares in which the landmarks of faces are looked for."""
    return bx.scale(bx.square(boxes), _TIGHT)


def _mean(heads: Floats, mirrored: Floats) -> Floats:
    mean: Floats = np.float32(0.5) * (heads + unmirrored(mirrored))
    return mean
