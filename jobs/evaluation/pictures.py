"""Some photos of an input, read once more to be shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from jobs.members import Member
from jobs.photos.decode import decode
from jobs.photos.read import read
from jobs.sources.source import Source
from mtcnn_core.settings.images import ImageLimits


class Pictures:
    """The photos of an input.

    Args:
        source: Where they are.
        members: Those listed.
        limits: What is too large or too small to be decoded.
    """

    def __init__(self, source: Source, members: Sequence[Member], limits: ImageLimits) -> None:
        self._source = source
        self._members = members
        self._limits = limits

    def read(self, uris: Mapping[str, str]) -> Iterator[tuple[str, NDArray[np.uint8]]]:
        """Yields photos one by one; those that are gone meanwhile are left out.

        Of archives and tables, only those that hold one of them are read, and as far as needed.

        Args:
            uris: Key -> uri, of the photos wanted.

        Yields:
            Key and uint8 ``(h, w, 3)`` RGB, as displayed.
        """
        left = dict(uris)
        for member in self._members:
            if not left:
                return
            if not _may_hold(member, left):
                continue
            for photo in read(self._source, [member], self._limits):
                if left.pop(photo.member.key, None) is not None:
                    pixels = decode(photo, self._limits).pixels
                    if pixels is not None:  # else it has changed since it was extracted
                        yield photo.member.key, pixels
                if not left:
                    return


def _may_hold(member: Member, uris: Mapping[str, str]) -> bool:
    if not member.is_container:
        return member.key in uris
    return any(uri == member.uri or uri.startswith(f"{member.uri}#") for uri in uris.values())
