"""The faces that could be fed: which identity each has, and where its crop is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from jobs.finished import Finished
from jobs.messages.errors import UserError
from jobs.where import UNREAD, Where

Advance = Callable[[int], None]

_COLUMNS = ["key", "face_index", "label", "kept"]


@dataclass(frozen=True)
class Counts:
    """What became of the faces.

    Attributes:
        faces: Rows of the dataset.
        not_kept: Not the face of its photo that is kept.
        dropped: By a verdict.
        unwanted: Those of which the condition is not true.
        nameless: Without an identity.
    """

    faces: int
    not_kept: int
    dropped: int
    unwanted: int
    nameless: int


@dataclass(frozen=True, eq=False)
class Candidates:
    """Faces with an identity, in the order of the dataset.

    Attributes:
        rows: Columns key, face_index, identity (dictionary), shard (int32) and row (int64).
        counts: What became of all faces.
    """

    rows: pa.Table
    counts: Counts


def read_candidates(
    faces: Finished,
    verdicts: Finished | None,
    where: Where | None,
    advance: Advance = lambda rows: None,
) -> Candidates:
    """Reads which faces there are; no crop is read.

    Args:
        faces: The dataset.
        verdicts: What `curate` made of it; None is to go by labels.
        where: What is wanted; None is all.
        advance: Told how many rows were read.

    Raises:
        UserError: The verdicts are those of other faces, or the condition does not fit.
    """
    names = _COLUMNS
    if where is not None:
        names = [name for name in faces.dataset.schema("faces").names if name not in UNREAD]
    judged = _Verdicts(verdicts, faces.address) if verdicts else None
    places = _places(faces)
    found: list[pa.Table] = []
    counts = np.zeros(5, np.int64)
    start = 0
    for batch in faces.dataset.batches("faces", names):
        rows = pa.Table.from_batches([batch])
        stop = start + len(rows)
        is_kept = _bools(rows["kept"])
        identity = rows["label"].combine_chunks()
        is_dropped = np.zeros(len(rows), np.bool_)
        if judged is not None:
            identity, verdict, reason = judged.take(rows, start)
            is_dropped = _bools(pc.equal(verdict, "drop"))
            rows = rows.append_column("verdict", verdict).append_column("reason", reason)
        is_wanted = _bools(where.mask(rows)) if where else np.ones(len(rows), np.bool_)
        has_name = _bools(pc.is_valid(identity))
        is_in = is_kept & ~is_dropped & is_wanted & has_name
        counts += (
            len(rows),
            (~is_kept).sum(),
            (is_kept & is_dropped).sum(),
            (is_kept & ~is_dropped & ~is_wanted).sum(),
            (is_kept & ~is_dropped & is_wanted & ~has_name).sum(),
        )
        shard, row = places.of(start, stop)
        table = pa.table(
            {
                "key": rows["key"],
                "face_index": rows["face_index"],
                "identity": identity,
                "shard": shard,
                "row": row,
            }
        )
        found.append(table.filter(pa.array(is_in)))
        start = stop
        advance(len(rows))
    schema = pa.schema(
        [
            ("key", pa.string()),
            ("face_index", pa.int16()),
            ("identity", pa.string()),
            ("shard", pa.int32()),
            ("row", pa.int64()),
        ]
    )
    whole = pa.concat_tables([table.cast(schema) for table in found] or [schema.empty_table()])
    place = whole.schema.get_field_index("identity")
    whole = whole.set_column(place, "identity", pc.dictionary_encode(whole["identity"]))
    return Candidates(whole.unify_dictionaries(), Counts(*counts.tolist()))


class _Verdicts:
    """Verdicts in memory, a row for each face."""

    def __init__(self, verdicts: Finished, faces: str) -> None:
        self._address, self._faces = verdicts.address, faces
        names = ["key", "face_index", "identity", "verdict", "reason"]
        self._rows = verdicts.dataset.read("verdicts", names)

    def take(self, rows: pa.Table, start: int) -> tuple[pa.Array, pa.Array, pa.Array]:
        """Identity, verdict and reason of rows from `start` on."""
        own = self._rows.slice(start, len(rows))
        same = all(
            own[name].combine_chunks().equals(rows[name].combine_chunks())
            for name in ("key", "face_index")
        )
        if not same:
            raise UserError(
                f"the verdicts in '{self._address}' are not those on the faces in "
                f"'{self._faces}' as they are now: run 'mtcnn-ray curate' again"
            )
        identity, verdict, reason = (
            own[name].combine_chunks() for name in ("identity", "verdict", "reason")
        )
        return identity, verdict, reason


class _Places:
    """In which shard each row of a table is, and where in it."""

    def __init__(self, starts: NDArray[np.int64]) -> None:
        self._starts = starts

    def of(self, start: int, stop: int) -> tuple[pa.Array, pa.Array]:
        """Number of the shard, int32, and row in it, int64, of rows from `start` to `stop`."""
        rows = np.arange(start, stop)
        shards = np.searchsorted(self._starts, rows, side="right") - 1
        return pa.array(shards, pa.int32()), pa.array(rows - self._starts[shards], pa.int64())


def _places(faces: Finished) -> _Places:
    counts = [rows for _, rows in faces.rows_by_shard("faces")]
    return _Places(np.cumsum([0, *counts])[:-1].astype(np.int64))


def shards_of(faces: Finished) -> Iterator[tuple[str, str]]:
    """Yields name and version of each shard, in the order of the rows."""
    versions = {head.shard: str(head.made) for head in faces.heads.all()}
    return ((shard, versions[shard]) for shard, _ in faces.rows_by_shard("faces"))


def _bools(column: pa.Array | pa.ChunkedArray) -> NDArray[np.bool_]:
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    filled = pc.fill_null(column, False)
    return np.asarray(filled.to_numpy(zero_copy_only=False), np.bool_)
