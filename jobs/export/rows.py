"""The faces that are exported: of a dataset or a feed, each with its class and its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.export.config import ExportSettings
from jobs.finished import Finished
from jobs.where import UNREAD, Where

# What a dataset without splits is all of.
SPLIT = "train"
# Table of the input -> columns that are read whatever the condition.
_NEEDED = {
    "faces": ("key", "face_index", "label", "kept", "box"),
    "feed": ("key", "face_index", "class_id", "split", "status"),
}
_BOX = pa.list_(pa.float32())


@dataclass(frozen=True, eq=False)
class Chosen:
    """Faces that are exported.

    Attributes:
        rows: Columns key, face_index, identity, class_id, split, box, shard, version, row and
            bytes (about, of the crop), in the order of the input.
        classes: Name of each class, by its id; no two are the same.
    """

    rows: pa.Table
    classes: list[str]


def read_rows(source: Finished, settings: ExportSettings, advance: Callable[[int], None]) -> Chosen:
    """Reads the faces to be exported; no crop is read.

    Args:
        source: The dataset, or the feed.
        settings: What is wanted.
        advance: Told how many rows were read.

    Returns:
        What was chosen. Class ids of a dataset go by the names of its classes.
    """
    table = "feed" if source.identity.job == "feed" else "faces"
    where = Where(settings.where) if settings.where else None
    rows = pa.concat_tables(list(_pieces(source, table, where, advance)))
    if table == "feed":
        return _of_feed(source, rows)
    identity = pc.cast(rows["label"], pa.string()).combine_chunks()
    named = pc.fill_null(identity, settings.unlabelled)
    classes = sorted(pc.unique(named).to_pylist(), key=str.encode)
    class_id = pc.index_in(named, pa.array(classes, pa.string())).cast(pa.int32())
    split = pa.array([SPLIT], pa.string()).take(pa.array(np.zeros(len(rows), np.int64)))
    return Chosen(_with(rows, identity=identity, class_id=class_id, split=split), classes)


def _of_feed(source: Finished, rows: pa.Table) -> Chosen:
    told = source.dataset.read("classes", ["class_id", "identity"])
    names = dict(zip(told["class_id"].to_pylist(), told["identity"].to_pylist(), strict=True))
    count = max(names, default=-1) + 1
    taken = set(names.values())
    # Ids that no identity has any more: called by their number, whatever identities are called.
    for number in range(count):
        if number not in names:
            name = str(number)
            while name in taken:
                name = f"{name}_"
            names[number] = name
            taken.add(name)
    classes = [names[number] for number in range(count)]
    identity = pa.array(classes, pa.string()).take(rows["class_id"].combine_chunks())
    return Chosen(_with(rows, identity=identity, box=pa.nulls(len(rows), _BOX)), classes)


def _with(rows: pa.Table, **columns: pa.Array) -> pa.Table:
    for name, column in columns.items():
        place = rows.schema.get_field_index(name)
        if place < 0:
            rows = rows.append_column(name, column)
        else:
            rows = rows.set_column(place, name, column)
    return rows


def _pieces(
    source: Finished, table: str, where: Where | None, advance: Callable[[int], None]
) -> Iterator[pa.Table]:
    """The rows that are wanted of each row group, with the columns that are needed."""
    schema = source.dataset.schema(table)
    needed = _NEEDED[table]
    names = [name for name in schema.names if name not in UNREAD] if where else list(needed)
    versions = {head.shard: str(head.made) for head in source.heads.all()}
    parts = list(source.heads.parts(table))
    starts = np.cumsum([0, *(part.rows for _, part in parts)])
    shards = pa.array([shard for shard, _ in parts], pa.string())
    version = pa.array([versions[shard] for shard, _ in parts], pa.string())
    sizes = np.array([part.size / max(1, part.rows) for _, part in parts])
    start = 0
    for batch in source.dataset.batches(table, names):
        rows = pa.Table.from_batches([batch])
        numbers = np.arange(start, start + len(rows))
        of = np.searchsorted(starts, numbers, side="right") - 1
        is_in = _is_whole(rows)
        if where is not None:
            is_in = pc.and_(is_in, where.mask(rows))
        rows = _with(
            rows.select(needed),
            shard=shards.take(pa.array(of)),
            version=version.take(pa.array(of)),
            row=pa.array(numbers - starts[of], pa.int64()),
            bytes=pa.array(sizes[of], pa.float64()),
        )
        for name, kind in (("split", pa.string()), ("box", _BOX)):
            if name in needed:
                rows = _with(rows, **{name: rows[name].combine_chunks().cast(kind)})
        yield rows.filter(is_in)
        start += batch.num_rows
        advance(batch.num_rows)


def _is_whole(rows: pa.Table) -> pa.Array:
    """Whether each face is one that counts, and has a crop."""
    if "kept" in rows.column_names:
        return rows["kept"].combine_chunks()
    return pc.equal(rows["status"].combine_chunks().cast(pa.string()), "ok")
