"""Which columns of a table name photos and faces, as their names and types tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from jobs.engine.forgotten import Forgotten
from jobs.engine.job import count_column

KEY, FACE, DIGEST = "key", "face_index", "sha256"

# Key of a photo, or that and the number of a face in it.
Name = str | tuple[str, int]


@dataclass(frozen=True)
class Naming:
    """The columns of a table that name what its rows are about.

    Rows of all jobs join on `key` and `face_index`. A table without the second has rows of photos.
    A column of structs with both names another face: its row goes with that one. A list of such
    structs names several: those that were forgotten leave the list, and the row stays.

    Attributes:
        has_key: Whether rows are of photos or faces at all.
        has_face: Whether they are of faces.
        has_digest: Whether there is a column with the digests of the photos' files.
        others: Columns that name another face.
        lists: Columns that name several.
    """

    has_key: bool
    has_face: bool
    has_digest: bool
    others: tuple[str, ...]
    lists: tuple[str, ...]

    @classmethod
    def of(cls, schema: pa.Schema) -> Naming:
        """The columns of a schema."""
        names = set(schema.names)
        return cls(
            KEY in names,
            {KEY, FACE} <= names,
            {KEY, DIGEST} <= names,
            tuple(field.name for field in schema if _names_face(field.type)),
            tuple(
                field.name
                for field in schema
                if pa.types.is_list(field.type) and _names_face(field.type.value_type)
            ),
        )

    @property
    def columns(self) -> list[str]:
        """Those columns; none in a table that names nobody."""
        own = [KEY] * self.has_key + [FACE] * self.has_face + [DIGEST] * self.has_digest
        return [*own, *self.others, *self.lists]

    def gone(self, batch: pa.RecordBatch, forgotten: Forgotten) -> npt.NDArray[np.bool_]:
        """Which rows are of, or name, something that was forgotten; shape `(rows,)`."""
        gone = np.zeros(batch.num_rows, np.bool_)
        if self.has_key:
            faces = batch.column(FACE).to_pylist() if self.has_face else None
            keys = batch.column(KEY).to_pylist()
            gone |= forgotten.mask(keys, faces)
            if self.has_digest and forgotten:
                found = zip(keys, batch.column(DIGEST).to_pylist(), strict=True)
                gone |= np.fromiter((forgotten.has_file(*each) for each in found), np.bool_)
        for name in self.others:
            gone |= _named(batch.column(name), forgotten)
        return gone

    def names(self, batch: pa.RecordBatch) -> list[Name]:
        """What each row is of: a photo, or a face of one; none where rows are of neither."""
        if not self.has_key:
            return []
        keys = batch.column(KEY).to_pylist()
        if not self.has_face:
            return list(keys)
        return list(zip(keys, batch.column(FACE).to_pylist(), strict=True))

    def named(self, batch: pa.RecordBatch, forgotten: Forgotten) -> int:
        """Entries of lists that name something that was forgotten."""
        return sum(
            int(_named(batch.column(name).flatten(), forgotten).sum()) for name in self.lists
        )

    def without(
        self,
        batch: pa.RecordBatch,
        forgotten: Forgotten,
        fewer: Mapping[str, Counter[Name]],
    ) -> pa.RecordBatch:
        """The rows that stay, as they are to be.

        Args:
            batch: Rows with all their columns.
            forgotten: What is to be left out.
            fewer: Other table -> name of what its rows are of -> rows that it loses there.
        """
        batch = batch.filter(pa.array(~self.gone(batch, forgotten)))
        for name in self.lists:
            batch = _with(batch, name, _shorter(batch.column(name), forgotten))
        for table, lost in fewer.items():
            name = count_column(table)
            if lost and name in batch.schema.names:
                column = batch.column(name)
                less = pa.array([lost[each] for each in self.names(batch)], column.type)
                batch = _with(batch, name, pc.subtract(column, less))
        return batch


def _names_face(kind: pa.DataType) -> bool:
    return pa.types.is_struct(kind) and all(kind.get_field_index(n) >= 0 for n in (KEY, FACE))


def _named(faces: pa.StructArray, forgotten: Forgotten) -> npt.NDArray[np.bool_]:
    """Which of some faces were forgotten; shape `(faces,)`."""
    keys, numbers = (pc.struct_field(faces, name) for name in (KEY, FACE))
    known = pc.fill_null(keys, "").to_pylist()
    return forgotten.mask(known, pc.fill_null(numbers, -1).to_pylist())


def _shorter(lists: pa.ListArray, forgotten: Forgotten) -> pa.ListArray:
    """Lists of faces without those that were forgotten."""
    named = _named(lists.flatten(), forgotten)
    if not named.any():
        return lists
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    owners = np.repeat(np.arange(len(lists)), lengths)
    left = np.bincount(owners[~named], minlength=len(lists))
    offsets = pa.array(np.concatenate([[0], np.cumsum(left)]), pa.int32())
    values = lists.flatten().filter(pa.array(~named))
    mask = lists.is_null() if lists.null_count else None
    return pa.ListArray.from_arrays(offsets, values, type=lists.type, mask=mask)


def _with(batch: pa.RecordBatch, name: str, column: pa.Array) -> pa.RecordBatch:
    place = batch.schema.get_field_index(name)
    return batch.set_column(place, batch.schema.field(place), column)
