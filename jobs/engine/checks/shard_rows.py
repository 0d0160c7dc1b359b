"""What the rows of a shard say, read batch by batch and kept as digests."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.engine.parts.row_names import row_names
from jobs.keys import KeySet

_BATCH_ROWS = 2**16


class KeySequence:
    """Keys in their order: equal if all of them and their order are, however they were batched."""

    def __init__(self) -> None:
        """Starts with nothing."""
        self._lengths, self._text = hashlib.sha256(), hashlib.sha256()

    def __eq__(self, other: object) -> bool:
        """Compares the digests."""
        return isinstance(other, KeySequence) and self._digests() == other._digests()

    __hash__ = None  # type: ignore[assignment]  # it changes

    def add(self, keys: pa.Array | pa.ChunkedArray) -> None:
        """Appends strings."""
        texts = [key or "" for key in keys.to_pylist()]
        self._lengths.update(np.fromiter(map(len, texts), np.int64, len(texts)).tobytes())
        self._text.update("".join(texts).encode())

    def _digests(self) -> tuple[bytes, bytes]:
        return self._lengths.digest(), self._text.digest()


class ShardRows:
    """The rows of one shard in a part.

    Args:
        counted: Secondary output -> rows that the shard has in it, for those that have a column
            `num_<output>` in the part: it counts an item's rows there.
        named_by: Columns that tell primary rows apart; empty for other rows.

    Attributes:
        rows: Number of rows.
        keys: Their keys.
        unique: The names of primary rows, to be compared with those of other shards.
        statuses: Status -> number of rows; empty if there is no such column.
        expected: Secondary output -> the keys its rows are to have: those of the items, each as
            often as the item counts; None where it counts more rows than there are.
    """

    def __init__(self, counted: Mapping[str, int], named_by: Sequence[str]) -> None:
        """Starts with nothing."""
        self.rows = 0
        self.unique = KeySet()
        self._named_by = named_by
        self.keys = KeySequence()
        self.statuses: Counter[str] = Counter()
        self.expected: dict[str, KeySequence | None] = {name: KeySequence() for name in counted}
        self._room = dict(counted)

    def add(self, batch: pa.RecordBatch) -> None:
        """Takes note of some more rows of the shard."""
        keys = batch.column("key")
        self.rows += batch.num_rows
        self.keys.add(keys)
        if self._named_by:
            self.unique.add(name or "" for name in row_names(batch, self._named_by))
        if "status" in batch.schema.names:
            self.statuses.update(batch.column("status").to_pylist())
        for name, expected in self.expected.items():
            counts = pc.fill_null(batch.column(_count(name)), 0).to_numpy(zero_copy_only=False)
            # A count that is wrong must not take all memory.
            if counts.min(initial=0) < 0 or sum(map(int, counts)) > self._room[name]:
                self.expected[name] = None
            elif expected is not None:
                self._room[name] -= int(counts.sum())
                expected.add(keys.take(pa.array(np.repeat(np.arange(len(counts)), counts))))


def shard_rows(
    file: pq.ParquetFile,
    rows: Sequence[int],
    others: Sequence[Mapping[str, int]],
    named_by: Sequence[str],
) -> list[ShardRows]:
    """The rows of the shards that share a file, one after the other.

    Args:
        file: Has a column `key`.
        rows: Rows of each shard.
        others: Rows of each shard in the outputs that may be counted here.
        named_by: Columns that tell primary rows apart; empty for other rows.
    """
    names = [field.name for field in file.schema_arrow if pa.types.is_integer(field.type)]
    found = [
        ShardRows({name: count for name, count in each.items() if _count(name) in names}, named_by)
        for each in others
    ]
    counts = (_count(name) for each in found for name in each.expected)
    columns = {"key", "status", *named_by, *counts}
    batches = file.iter_batches(
        _BATCH_ROWS,
        columns=sorted(columns.intersection(file.schema_arrow.names)),
        use_threads=False,  # several parts are read at once
    )
    for index, piece in _pieces(batches, rows):
        found[index].add(piece)
    return found


def _pieces(
    batches: Iterable[pa.RecordBatch], rows: Sequence[int]
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Index of a shard, and some of its rows."""
    index, left = -1, 0
    for batch in batches:
        while batch.num_rows:
            while not left and index + 1 < len(rows):
                index += 1
                left = rows[index]
            if not left:  # the footer does not tell of all rows
                return
            piece = batch.slice(0, left)
            yield index, piece
            left -= piece.num_rows
            batch = batch.slice(piece.num_rows)


def _count(output: str) -> str:
    return f"num_{output}"
