"""The squares of a photo that may hold faces, on their way from network to network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.cascade.boxes import Boxes
from mtcnn_core.cascade.pyramid import Pyramid
from mtcnn_core.cascade.sessions import CropSession
from mtcnn_core.stopwatch import Stopwatch


@dataclass
class Squares:
    """Squares of one photo.

    Attributes:
        pyramid: The photo at all scales.
        boxes: float32 ``(n, 4)``, in pixels of the photo.
    """

    pyramid: Pyramid
    boxes: Boxes = field(default_factory=lambda: np.empty((0, 4), np.float32))


def look(
    session: CropSession, photos: Sequence[Squares], stopwatch: Stopwatch, mirrored: bool = False
) -> list[NDArray[np.float32]]:
    """Runs a network on the squares of several photos, in shared batches.

    Args:
        session: The network.
        photos: The squares of each photo.
        stopwatch: Told the time spent in ``crop``.
        mirrored: Whether the network is shown the crops mirrored.

    Returns:
        The network's heads for each photo, ``(n, c)``; they are the caller's.
    """
    bounds = [0, *accumulate(len(photo.boxes) for photo in photos)]
    starts, ends = bounds[:-1], bounds[1:]

    def cut(part: slice) -> NDArray[np.float32]:
        with stopwatch("crop"):
            pieces = [
                photo.pyramid.crops(
                    photo.boxes[max(part.start - start, 0) : part.stop - start],
                    session.network.side,
                )
                for photo, start, end in zip(photos, starts, ends, strict=True)
                if part.start < end and start < part.stop
            ]
            crops = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
            return np.ascontiguousarray(crops[:, :, ::-1]) if mirrored else crops

    heads = session(bounds[-1], cut)
    return [heads[start:end] for start, end in zip(starts, ends, strict=True)]
