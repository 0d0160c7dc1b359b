"""Faces on their way through `embed`, with the photo that they share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from jobs.embed.found_faces import FoundFaces
from jobs.members import Member
from jobs.photos.decode import Decoded, decode
from jobs.photos.read import Read
from mtcnn_core.crops.crops import cut
from mtcnn_core.crops.recutting import photo_pixels, recut
from mtcnn_core.images.photo import largest_shrink
from mtcnn_core.settings.images import ImageLimits

# Pixels of a photo that is shrunk on decoding, for one of the crop.
_OVERSAMPLING = 2
_GONE = "the photo is not in its input any more"
_OTHER = (
    "the photo is not the one that the face was found in: run extract with --changed redo, then "
    "this again"
)


@dataclass(frozen=True)
class Lost:
    """Why there is no crop of a face.

    Attributes:
        status: As in the table of vectors.
        error: One sentence.
    """

    status: str
    error: str


class OpenPhoto:
    """A photo with faces, decoded when the first crop of it is asked for.

    Args:
        found: Its faces.
        file: What was read of it: None if it is not in its input any more, a reason if no photo is
            to be read.
        limits: What is too large or too small to be decoded.
        matrices: float32 ``(n, 2, 3)``, photo -> wanted crop.
        size: Side of the wanted crops.
        stored: Gives the stored crop of a face by its key and index.
    """

    def __init__(
        self,
        found: FoundFaces,
        file: Read | Lost | None,
        limits: ImageLimits,
        matrices: NDArray[np.float32],
        size: int,
        stored: Callable[[str, int], NDArray[np.uint8] | None],
    ) -> None:
        self.found = found
        self._file = file
        self._limits = limits
        self._matrices = matrices
        self._size = size
        self._stored = stored

    def crop(self, place: int) -> NDArray[np.uint8] | Lost:
        """The wanted crop of a face, uint8 ``(size, size, 3)`` RGB, or why there is none."""
        photo, found = self._photo, self.found
        matrix = self._matrices[place]
        if not isinstance(photo, Lost):
            assert photo.pixels is not None
            return cut(photo.pixels, matrix, self._size, photo.size)
        stored = self._stored(found.key, found.indices[place])
        if stored is not None:
            again = recut(stored, found.matrices[place], matrix, self._size, found.size)
            if again is not None:
                return again
        return photo

    def close(self) -> None:
        """Forgets the pixels."""
        self.__dict__.pop("_photo", None)
        self._file = None

    @cached_property
    def _photo(self) -> Decoded | Lost:
        if self._file is None:
            return Lost("unreadable", _GONE)
        if isinstance(self._file, Lost):
            return self._file
        shrink = largest_shrink(photo_pixels(self._matrices), _OVERSAMPLING)
        photo = decode(self._file, self._limits, shrink)
        if photo.sha256 is not None and photo.sha256 != self.found.sha256:
            return Lost("changed", _OTHER)
        if photo.failure is not None:
            return Lost(photo.failure.status, photo.failure.error)
        return photo


@dataclass(frozen=True, eq=False)
class FaceItem:
    """One face.

    Attributes:
        member: Its shard of `extract`, with the name and the label of its row.
        photo: The photo that it is in.
        place: Which of the photo's faces it is, from 0.
    """

    member: Member
    photo: OpenPhoto
    place: int
