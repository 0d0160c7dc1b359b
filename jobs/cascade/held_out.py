"""Photos that nothing is learned from, and what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from jobs.cascade.config import CascadeConfig
from jobs.messages.errors import UserError
from jobs.photos.decode import decode
from jobs.photos.read import read
from jobs.photos.sample import evenly
from jobs.sources.inputs import open_inputs
from jobs.truth.faces import read_ground_truth
from jobs.truth.held_out import is_held_out
from jobs.truth.names import Names
from mtcnn_core.samples.truth import TrueFaces

# A teacher's score from which on a face counts as one.
_SURE = 0.5


@dataclass(frozen=True, eq=False)
class HeldOutPhoto:
    """A photo that was held out.

    Attributes:
        name: What the ground truth calls it.
        pixels: uint8 ``(h, w, 3)`` RGB, upright.
        truth: Its faces.
    """

    name: str
    pixels: NDArray[np.uint8]
    truth: TrueFaces

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]


class HeldOut:
    """The photos of an input that are held out.

    Args:
        photos: Local path or fsspec URL of the photos.
        truth: Where their ground truth is.
        config: All settings.

    Attributes:
        truth: Name -> faces, of those that are held out; what a teacher doubts is to be ignored.

    Raises:
        UserError: There are too few to compare anything on.
    """

    def __init__(self, photos: str, truth: str, config: CascadeConfig) -> None:
        self._source = open_inputs(photos, config.input, ())
        self._limits = config.limits
        share = config.cascade.holdout
        faces = read_ground_truth(truth).faces
        self.truth: Mapping[str, TrueFaces] = {
            name: _judged(some) for name, some in faces.items() if is_held_out(name, share)
        }
        if not self.truth or len(self.truth) == len(faces):
            raise UserError(
                f"of the {len(faces):,} photos in '{truth}' {len(self.truth):,} would be held out: "
                "give another cascade.holdout, or more photos"
            )
        self._faces = frozenset(faces)
        self._names = Names(faces)

    def photos(self) -> Iterator[HeldOutPhoto]:
        """Yields those that are there and can be read."""
        for name, pixels in self._read(lambda name: name in self.truth):
            yield HeldOutPhoto(name, pixels, self.truth[name])

    def others(self, count: int) -> list[NDArray[np.uint8]]:
        """Pixels of some photos that are learned from, uint8 ``(h, w, 3)`` RGB each."""
        names = evenly(sorted(self._faces - self.truth.keys()), count)
        return [pixels for _, pixels in islice(self._read(set(names).__contains__), count)]

    def _read(self, wanted: Callable[[str], bool]) -> Iterator[tuple[str, NDArray[np.uint8]]]:
        """Names and pixels of the photos whose names are wanted."""
        members = [
            member
            for member in self._source.list()
            if member.is_container or wanted(self._names.find(member.key) or "")
        ]
        for item in read(self._source, members, self._limits):
            name = self._names.find(item.member.key) or ""
            decoded = decode(item, self._limits) if wanted(name) else None
            if decoded is not None and decoded.pixels is not None:
                yield name, decoded.pixels


def _judged(faces: TrueFaces) -> TrueFaces:
    """Faces as detections are judged by: whether one that is doubted is a face, nobody knows."""
    return replace(faces, ignored=faces.ignored | (faces.scores < _SURE))
