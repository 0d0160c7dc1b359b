"""Rows that stay together in a row group: neighbours with one value in a column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pyarrow as pa

from jobs.engine.parts.row_bytes import row_bytes

_METADATA = b"mtcnn_ray.kept_whole"


def kept_whole(schema: pa.Schema, column: str) -> pa.Schema:
    """A schema whose rows with one value in a column are neighbours, and stay in one row group."""
    return schema.with_metadata({**(schema.metadata or {}), _METADATA: column})


@dataclass(frozen=True)
class Piece:
    """Rows that go into one row group.

    Attributes:
        batches: The rows.
        bytes: Their data, before compression.
        is_apart: Whether nothing else goes into that row group.
    """

    batches: list[pa.RecordBatch]
    bytes: int
    is_apart: bool = False


@dataclass
class Whole:
    """Gathers rows with one value until another value comes.

    Attributes:
        column: The column of the values.
        limit: Bytes beyond which they are divided all the same.
    """

    column: str
    limit: int
    _batches: list[pa.RecordBatch] = field(default_factory=list)
    _value: object = None

    @classmethod
    def of(cls, schema: pa.Schema, limit: int) -> Whole | None:
        """What a schema asks for; None if its rows may be divided anywhere."""
        column = (schema.metadata or {}).get(_METADATA)
        return None if column is None else cls(column.decode(), limit)

    def add(self, batch: pa.RecordBatch) -> Iterator[Piece]:
        """Takes rows; yields those that are complete by now."""
        values = np.asarray(batch.column(self.column))
        turns = np.flatnonzero(values[1:] != values[:-1]) + 1
        bounds = [0, *turns.tolist(), len(values)]
        for start, stop in pairwise(bounds):
            if start == stop:
                continue
            if self._batches and self._value != values[start]:
                yield from self.rest()
            self._value = values[start]
            self._batches.append(batch.slice(start, stop - start))

    def rest(self) -> Iterator[Piece]:
        """Yields what is there: all rows of a value."""
        batches, self._batches = self._batches, []
        if not batches:
            return
        sizes = [row_bytes(batch) for batch in batches]
        total = int(sum(size.sum() for size in sizes))
        if total <= self.limit:
            yield Piece(batches, total)
            return
        rows = pa.Table.from_batches(batches)
        start = taken = 0
        for row, size in enumerate(np.concatenate(sizes).tolist()):
            if taken and taken + size > self.limit:
                yield Piece(rows.slice(start, row - start).to_batches(), taken, is_apart=True)
                start, taken = row, 0
            taken += size
        yield Piece(rows.slice(start).to_batches(), taken, is_apart=True)
