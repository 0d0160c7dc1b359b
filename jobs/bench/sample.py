"""The photos that are measured: a few of a listing, and their pixels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from jobs.config import Config
from jobs.members import Member
from jobs.sources import ReadError, Source
from mtcnn_core.images.errors import ImageError
from mtcnn_core.images.photo import read_photo

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
    """Photos to measure.

    Attributes:
        member: Where they are.
        items: How many of its first; None is all.
    """

    member: Member
    items: int | None = None

    def stream(
        self, source: Source, max_bytes: int | None
    ) -> Iterator[tuple[Member, bytes | ReadError]]:
        """Yields them with their bytes; see `Source.stream`."""
        return islice(source.stream([self.member], max_bytes), self.items)


def picks(members: Sequence[Member], count: int) -> list[Pick]:
    """Picks about so many photos, spread over the members; containers give their first ones."""
    chosen = evenly(members, count)
    return [Pick(member, -(-count // len(chosen))) for member in chosen]


def decoded(source: Source, picks: Iterable[Pick], config: Config) -> Iterator[NDArray[np.uint8]]:
    """Yields the pixels of photos; nothing is read or decoded while the consumer is busy.

    Photos that cannot be read or decoded are left out, and so are not in what is counted.

    Args:
        source: Where the photos are.
        picks: Which of them.
        config: Limits are used.

    Yields:
        uint8 ``(h, w, 3)`` RGB, upright and at full size.
    """
    for pick in picks:
        for member, data in pick.stream(source, config.limits.max_bytes):
            if isinstance(data, ReadError):
                continue
            try:
                photo = read_photo(data, limits=config.limits, name=member.key)
            except ImageError:
                continue
            yield photo.pixels
