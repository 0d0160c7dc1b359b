"""How the faces are cut into batches, each written by one worker at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa


def batch_key(split: str, number: int) -> str:
    """What a batch is called as a member of the input."""
    return f"{split}-{number:06d}"


def batch_of(key: str) -> tuple[str, str]:
    """The split of a batch, and its number as six digits."""
    split, _, number = key.rpartition("-")
    return split, number


def in_splits(rows: pa.Table) -> pa.Table:
    """Brings rows into the order of the batches: a split after the other, else as they were."""
    codes = rows["split"].combine_chunks().dictionary_encode()
    names = codes.dictionary.to_pylist()
    rank = {name: number for number, name in enumerate(sorted(names))}
    ranks = np.array([rank[name] for name in names], np.int64)
    order = np.argsort(ranks[codes.indices.to_numpy(zero_copy_only=False)], kind="stable")
    return rows.take(pa.array(order)).combine_chunks()


def batches(rows: pa.Table, limit: int) -> Iterator[tuple[str, pa.Table]]:
    """Cuts rows into batches of one split each, of whole shards of the input.

    A batch ends with the shard with which it has so many bytes, so that what is added to the input
    later changes none but the last.

    Args:
        rows: As :func:`in_splits` orders them, with columns split, shard and bytes.
        limit: Bytes of crops, about.

    Yields:
        The key of each batch, and its rows.
    """
    if not len(rows):
        return
    split = rows["split"].combine_chunks().dictionary_encode().indices.to_numpy()
    shard = rows["shard"].combine_chunks().dictionary_encode().indices.to_numpy()
    turns = np.flatnonzero((np.diff(split) != 0) | (np.diff(shard) != 0)) + 1
    bounds = [0, *turns.tolist(), len(rows)]
    ends = np.concatenate([[0.0], np.cumsum(rows["bytes"].to_numpy())])
    start = number = 0
    for stop in bounds[1:]:
        is_last = stop == len(rows) or split[stop] != split[start]
        if is_last or ends[stop] - ends[start] >= limit:
            yield batch_key(rows["split"][start].as_py(), number), rows.slice(start, stop - start)
            number = 0 if is_last else number + 1
            start = stop
