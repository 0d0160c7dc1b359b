"""The triplets of staged anchors: each positive with each of the negatives that it goes with."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

# Triplets that are put together at once.
_BATCH = 2**16
_NAMES = ("key", "face_index")


class Pairs:
    """The positives of staged anchors, each with a run of negatives.

    Args:
        staged: The anchors.
    """

    def __init__(self, staged: pa.RecordBatch) -> None:
        self._anchors = staged
        positives, negatives = staged.column("positives"), staged.column("negatives")
        self._positives, self._negatives = positives.flatten(), negatives.flatten()
        lengths = positives.value_lengths().fill_null(0).to_numpy()
        self._owners = np.repeat(np.arange(len(staged)), lengths)
        many = negatives.value_lengths().fill_null(0).to_numpy().astype(np.int64)
        first = self._positives.field("first").to_numpy().astype(np.int64)
        self._first = first + (np.cumsum(many) - many)[self._owners]
        self._ends = np.cumsum(self._positives.field("count").to_numpy(), dtype=np.int64)

    @property
    def by_anchor(self) -> np.ndarray:
        """How many triplets each anchor has, int64 ``(n,)``."""
        ends = np.concatenate([[0], self._ends])
        bounds = np.searchsorted(self._owners, np.arange(len(self._anchors) + 1))
        counts: np.ndarray = np.diff(ends[bounds])
        return counts

    def triplets(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Yields the triplets, anchor by anchor, a bounded number at a time.

        Args:
            schema: The schema of the table `triplets`.
        """
        total = int(self._ends[-1]) if len(self._ends) else 0
        for start in range(0, total, _BATCH):
            yield self._some(np.arange(start, min(start + _BATCH, total)), schema)

    def _some(self, numbers: np.ndarray, schema: pa.Schema) -> pa.RecordBatch:
        which = np.searchsorted(self._ends, numbers, side="right")
        begun = np.concatenate([[0], self._ends])[which]
        positives = self._positives.take(pa.array(which))
        negatives = self._negatives.take(pa.array(self._first[which] + numbers - begun))
        anchors = self._anchors.select(list(_NAMES)).take(pa.array(self._owners[which]))
        names = dict(zip(_NAMES, anchors.columns, strict=True))
        columns = {
            **names,
            "anchor": _faces(names),
            "positive": _faces({name: positives.field(name) for name in _NAMES}),
            "negative": _faces({name: negatives.field(name) for name in _NAMES}),
            "distance_positive": positives.field("distance"),
            "distance_negative": negatives.field("distance"),
        }
        arrays = [columns[name].cast(schema.field(name).type) for name in schema.names]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _faces(columns: dict[str, pa.Array]) -> pa.StructArray:
    fields = [pa.field(name, column.type, nullable=False) for name, column in columns.items()]
    return pa.StructArray.from_arrays(list(columns.values()), fields=fields)
