"""Triplets as they are staged, cut so that neither the driver nor a worker has many in hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.triplets.schema import NEGATIVE, POSITIVE, STAGED
from mtcnn_core.curation.triplets import Triplets

# A piece ends with the anchor that brings it to so many triplets, or so many faces that are named.
_TRIPLETS = 2**22
_NAMED = 2**20


def pieces(
    faces: pa.Table,
    at: NDArray[np.int64],
    found: Iterator[Triplets],
    shards: Sequence[tuple[str, int]],
) -> Iterator[tuple[str, pa.Table]]:
    """Yields what is staged, with the name of each piece; a shard of the feed has one or more.

    Args:
        faces: All anchors, shard after shard: key, face_index and class_id.
        at: Rows of those that have a vector, rising.
        found: The triplets of each of these.
        shards: Each shard and how many anchors it has.
    """
    has_vector = np.zeros(len(faces), np.bool_)
    has_vector[at] = True
    stop = 0
    for shard, count in shards:
        start, stop = stop, stop + count
        number = 0
        while start < stop:
            piece = _Piece(faces, at)
            for row in range(start, stop):
                piece.add(next(found) if has_vector[row] else None)
                if piece.is_full:
                    break
            yield f"{shard}-{number:05d}", piece.staged(start)
            start, number = start + len(piece), number + 1


class _Piece:
    def __init__(self, faces: pa.Table, at: NDArray[np.int64]) -> None:
        self._faces, self._at = faces, at
        self._anchors: list[Triplets | None] = []
        self._triplets = self._named = 0

    def __len__(self) -> int:
        return len(self._anchors)

    @property
    def is_full(self) -> bool:
        """Whether it has to end here."""
        return self._triplets >= _TRIPLETS or self._named >= _NAMED

    def add(self, triplets: Triplets | None) -> None:
        """Adds an anchor; None if that has no vector."""
        self._anchors.append(triplets)
        self._named += 1
        if triplets is not None:
            self._triplets += triplets.total
            self._named += len(triplets.positives) + len(triplets.negatives)

    def staged(self, start: int) -> pa.Table:
        """What is staged of the anchors, the first of which is at a row of the faces."""
        anchors = self._faces.slice(start, len(self))
        status = ["no_vector" if each is None else "ok" for each in self._anchors]
        columns = {
            **{name: anchors[name] for name in ("key", "face_index", "class_id")},
            "status": pa.array(status, pa.string()),
            "positives": self._lists(
                "positives", {"distance": "to_positives", "first": "first", "count": "count"}
            ),
            "negatives": self._lists("negatives", {"distance": "to_negatives"}),
        }
        return pa.table(columns, schema=STAGED)

    def _lists(self, faces: str, numbers: dict[str, str]) -> pa.ListArray:
        """A list of faces for each anchor, with some numbers of each."""
        kind = {"positives": POSITIVE, "negatives": NEGATIVE}[faces]
        has = [each for each in self._anchors if each is not None]
        lengths = [0 if each is None else len(getattr(each, faces)) for each in self._anchors]
        rows = np.concatenate([np.zeros(0, np.int64), *(getattr(each, faces) for each in has)])
        named = self._faces.select(["key", "face_index"]).take(pa.array(self._at[rows]))
        columns = {name: named[name].combine_chunks() for name in named.column_names}
        for name, attribute in numbers.items():
            empty = np.zeros(0, kind.field(name).type.to_pandas_dtype())
            values = np.concatenate([empty, *(getattr(each, attribute) for each in has)])
            columns[name] = pa.array(values).cast(kind.field(name).type)
        arrays = [columns[field.name] for field in kind]
        values = pa.StructArray.from_arrays(arrays, fields=list(kind))
        offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
        return pa.ListArray.from_arrays(offsets, values, type=STAGED.field(faces).type)
