"""Some photos of a listing, evenly spread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from jobs.members import Member
from jobs.photos.decode import decode
from jobs.photos.read import Read, read
from jobs.sources.source import Source
from mtcnn_core.settings.images import ImageLimits

T = TypeVar("T")


def evenly(items: Sequence[T], count: int) -> list[T]:
    """Picks items at even distances, the first among them; all if there are no more.

    Args:
        items: In order.
        count: How many, at least 1.
    """
    count = min(count, len(items))
    return [items[i * len(items) // count] for i in range(count)]


@dataclass(frozen=True)
class Pick:
    """Some photos of one member.

    Attributes:
        member: Where they are.
        items: How many of its first; None is all.
    """

    member: Member
    items: int | None = None

    def read(self, source: Source, limits: ImageLimits) -> Iterator[Read]:
        """Yields them; see :func:`jobs.photos.read.read`."""
        return islice(read(source, [self.member], limits), self.items)


def picks(members: Sequence[Member], count: int) -> list[Pick]:
    """Picks about so many photos, spread over the members; containers give their first ones."""
    chosen = evenly(members, count)
    return [Pick(member, -(-count // len(chosen))) for member in chosen]


def pixels(
    source: Source, picks: Iterable[Pick], limits: ImageLimits
) -> Iterator[NDArray[np.uint8]]:
    """Yields the pixels of photos; nothing is read or decoded while the consumer is busy.

    Photos that cannot be read or decoded are left out, and so are not in what is counted.

    Args:
        source: Where the photos are.
        picks: Members that they are in, and how many of each.
        limits: What is too large or too small to be decoded.

    Yields:
        uint8 ``(h, w, 3)`` RGB, upright and at full size.
    """
    for pick in picks:
        for photo in pick.read(source, limits):
            decoded = decode(photo, limits)
            if decoded.pixels is not None:
                yield decoded.pixels
