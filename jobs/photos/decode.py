"""The second stage: a photo's pixels, or why there are none."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from jobs.members import Member
from jobs.photos.read import Read
from jobs.photos.statuses import Status
from jobs.sources.source import ReadError
from mtcnn_core.images.errors import ImageError, ImageHeader
from mtcnn_core.images.photo import read_photo
from mtcnn_core.settings.images import ImageLimits
from mtcnn_core.stopwatch import Stopwatch


@dataclass(frozen=True)
class Failure:
    """Why there is nothing to see.

    Attributes:
        status: As in the table of photos.
        error: One sentence.
        cause: What the decoder raised; None if there was nothing to decode.
    """

    status: Status
    error: str
    cause: ImageError | None = None


@dataclass(frozen=True, eq=False)
class Decoded:
    """A photo as far as it could be decoded.

    Attributes:
        member: The photo's place in the input.
        pixels: uint8 ``(h, w, 3)`` RGB, upright, possibly reduced; None if there is a failure.
        failure: Why there are no pixels.
        header: What the file says about its picture, as far as that could be read.
        sha256: Of the file, hexadecimal; None if it was not read.
        bytes: Size of the file; None if it was not read.
    """

    member: Member
    pixels: NDArray[np.uint8] | None = None
    failure: Failure | None = None
    header: ImageHeader | None = None
    sha256: str | None = None
    bytes: int | None = None

    @property
    def size(self) -> tuple[int, int]:
        """``(width, height)`` of the photo as displayed, (0, 0) where it is not known."""
        return (self.header.width, self.header.height) if self.header else (0, 0)

    @property
    def pixel_bytes(self) -> int:
        """Size of the pixels in memory."""
        return 0 if self.pixels is None else self.pixels.nbytes


def decode(
    photo: Read, limits: ImageLimits, shrink: int = 1, time: Stopwatch | None = None
) -> Decoded:
    """Decodes a photo that was read.

    Args:
        photo: The photo.
        limits: What is too large or too small to be decoded.
        shrink: The pixels may be reduced by up to this factor, if that is faster.
        time: Told the time spent in ``decode``, which is all but the digest of the file.
    """
    member, data = photo.member, photo.data
    if isinstance(data, ReadError):
        return Decoded(member, failure=Failure(data.kind, data.message))
    file, size = photo.file, len(data)
    digest = file.sha256 if file else hashlib.sha256(data).hexdigest()
    try:
        with (time or Stopwatch())("decode"):
            if file:
                found = file.frames.read(photo.frame, shrink)
            else:
                found = read_photo(data, limits=limits, name=member.key, shrink=shrink)
    except ImageError as error:
        # Without its traceback, whose frames would keep the file and its pixels in memory.
        cause = error.with_traceback(None)
        cause.__cause__ = cause.__context__ = None
        failure = Failure(cast(Status, error.status), str(error), cause)
        return Decoded(member, None, failure, error.header, digest, size)
    return Decoded(member, found.pixels, None, found.header, digest, size)
