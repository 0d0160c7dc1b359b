"""The photos that are measured: a few of a listing, and their pixels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from jobs.config import Config
from jobs.engine.members import Member
from jobs.sources import ReadError, Source
from mtcnn_core.images import ImageError, read_photo

T = TypeVar("T")


def evenly(items: Sequence[T], count: int) -> list[T]:
    """Picks items at even distances, the first among them; all if there are no more.

    Args:
        items: In order.
        count: How many, at least 1.
    """
    count = min(count, len(items))
    return [items[i * len(items) // count] for i in range(count)]


def decoded(
    source: Source, members: Iterable[Member], config: Config
) -> Iterator[NDArray[np.uint8]]:
    """Yields the pixels of photos; nothing is read or decoded while the consumer is busy.

    Photos that cannot be read or decoded are left out, and so are not in what is counted.

    Args:
        source: Where the photos are.
        members: Which of them.
        config: Limits are used.

    Yields:
        uint8 ``(h, w, 3)`` RGB, upright and at full size.
    """
    for member in members:
        ((_, data),) = source.stream([member], config.limits.max_bytes)
        if isinstance(data, ReadError):
            continue
        try:
            photo = read_photo(data, limits=config.limits, name=member.key)
        except ImageError:
            continue
        yield photo.pixels
