"""The crops of a split as they lie: each once, in order, unchanged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.loader.crops import Part, StoredCrops, decode_into
from jobs.loader.index import FeedIndex, read_index

_AT_ONCE = 256


def read_split(
    output: str,
    split: str,
    *,
    size: int,
    window: float = 1.0,
    places: NDArray[np.int64] | None = None,
    index: FeedIndex | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """Yields crops, uint8 ``(n, size, size, 3)`` RGB, and class ids, int64 ``(n,)``.

    Args:
        output: Local path or fsspec URL of a feed.
        split: Its name.
        size: Side of a crop in pixels.
        window: Side of the middle square that is taken, as a fraction of the crop's.
        places: Only these faces, rising; None is all. See :class:`FeedIndex`.
        index: Index of this split, if it was read already.
        storage_options: Keyword arguments of the fsspec file system.

    Raises:
        jobs.messages.errors.UserError: There is no feed, or the split has no face.
    """
    index = index or read_index(output, split, storage_options)
    crops = StoredCrops(output, storage_options, index)
    every, ids = faces_of(index)
    if places is not None:
        ids = ids[np.searchsorted(every, places)]
        every = places
    part = Part(window)
    for start in range(0, len(every), _AT_ONCE):
        some = every[start : start + _AT_ONCE]
        out = np.empty((len(some), size, size, 3), np.uint8)
        for pixels, file in zip(out, crops.take(some), strict=True):
            decode_into(pixels, file, part)
        yield out, ids[start : start + _AT_ONCE]


def faces_of(index: FeedIndex) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Place and class id of each face, in order."""
    ids = np.repeat(index.class_id.astype(np.int64), index.faces)
    return index.places_of(slice(None)), ids
