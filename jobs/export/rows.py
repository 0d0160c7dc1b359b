"""The faces that are exported: of a dataset or a feed, each with its class and its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.export.config import ExportSettings
from jobs.finished import Finished
from jobs.where import UNREAD, Where

# What a dataset without splits is all of.
SPLIT = "train"
_COLUMNS = ("key", "face_index", "identity", "class_id", "split", "box", "shard", "version", "row")


def read_rows(
    source: Finished, settings: ExportSettings, advance: Callable[[int], None]
) -> pa.Table:
    """Reads the faces to be exported; no crop is read.

    Args:
        source: The dataset, or the feed.
        settings: What is wanted.
        advance: Told how many rows were read.

    Returns:
        Columns key, face_index, identity, class_id, split, box, shard, version and row, in the
        order of the input. Class ids of a dataset go by the names of its classes.
    """
    is_feed = source.identity.job == "feed"
    where = Where(settings.where) if settings.where else None
    pieces = list(_pieces(source, "feed" if is_feed else "faces", where, advance))
    rows = pa.concat_tables(pieces) if pieces else None
    if rows is None:
        return pa.table({name: [] for name in _COLUMNS})
    if is_feed:
        classes = source.dataset.read("classes", ["class_id", "identity"])
        names = dict(
            zip(classes["class_id"].to_pylist(), classes["identity"].to_pylist(), strict=True)
        )
        identity = [names.get(class_id, str(class_id)) for class_id in rows["class_id"].to_pylist()]
        rows = rows.append_column("identity", pa.array(identity, pa.string()))
        rows = rows.append_column("box", pa.nulls(len(rows), pa.list_(pa.float32())))
        return rows.select(_COLUMNS)
    identity = rows["label"].combine_chunks()
    called = sorted(
        {*pc.unique(identity).drop_null().to_pylist()}
        | ({settings.unlabelled} if identity.null_count else set()),
        key=str.encode,
    )
    named = pc.fill_null(identity, settings.unlabelled)
    class_id = pc.index_in(named, pa.array(called, pa.string())).cast(pa.int32())
    rows = rows.append_column("class_id", class_id).append_column("identity", identity)
    rows = rows.append_column("split", pa.array([SPLIT] * len(rows)))
    box = rows["box"].combine_chunks()
    place = rows.schema.get_field_index("box")
    rows = rows.set_column(place, "box", box.cast(pa.list_(pa.float32())))
    return rows.select(_COLUMNS)


def class_names(rows: pa.Table, settings: ExportSettings) -> list[str]:
    """What each class is called, by its id; ids that no face has are called by their number."""
    ids = rows["class_id"].to_numpy()
    names = [str(number) for number in range(int(ids.max(initial=-1)) + 1)]
    first = np.unique(ids, return_index=True)[1]
    some = rows.take(pa.array(first))
    for class_id, name in zip(
        some["class_id"].to_pylist(), some["identity"].to_pylist(), strict=True
    ):
        names[class_id] = settings.unlabelled if name is None else name
    return names


def _pieces(
    source: Finished, table: str, where: Where | None, advance: Callable[[int], None]
) -> Iterator[pa.Table]:
    schema = source.dataset.schema(table)
    names = [name for name in schema.names if name not in UNREAD]
    versions = {head.shard: str(head.made) for head in source.heads.all()}
    shards = list(source.rows_by_shard(table))
    starts = np.cumsum([0, *(rows for _, rows in shards)])
    called = pa.array([shard for shard, _ in shards], pa.string())
    version = pa.array([versions[shard] for shard, _ in shards], pa.string())
    start = 0
    for batch in source.dataset.batches(table, names):
        rows = pa.Table.from_batches([batch])
        numbers = np.arange(start, start + len(rows))
        of = np.searchsorted(starts, numbers, side="right") - 1
        if "kept" in names:
            is_in = rows["kept"].combine_chunks()
        else:
            is_in = pc.equal(rows["status"].combine_chunks().cast(pa.string()), "ok")
        if where is not None:
            is_in = pc.and_(is_in, where.mask(rows))
        for name, column in (
            ("shard", called.take(pa.array(of))),
            ("version", version.take(pa.array(of))),
            ("row", pa.array(numbers - starts[of], pa.int64())),
        ):
            rows = rows.append_column(name, column)
        if "split" in rows.column_names:
            place = rows.schema.get_field_index("split")
            rows = rows.set_column(place, "split", rows["split"].cast(pa.string()))
        yield rows.filter(is_in)
        start += batch.num_rows
        advance(batch.num_rows)
