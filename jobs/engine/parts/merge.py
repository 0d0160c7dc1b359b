"""Parts of consecutive shards become one: what a worker does of a compaction."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.engine.parts.layout import Layout
from jobs.engine.parts.names import part_names
from jobs.engine.parts.part_writer import PartWriter
from jobs.engine.parts.stored import DamagedPartError, StoredRows, open_checked
from jobs.engine.reports import Merged, PartReport, rows_shared
from jobs.engine.shards import Merge
from jobs.storage.storage import Storage


@dataclass(frozen=True)
class _Stretch:
    """Consecutive shards whose rows are in one file."""

    shards: Mapping[str, PartReport]

    @property
    def part(self) -> PartReport:
        return next(iter(self.shards.values()))


def merge_parts(storage: Storage, merge: Merge, epoch: int) -> Iterator[Merged]:
    """Writes and yields parts that are to take the place of others, which stay as they are.

    Rows, their order, schemas and metadata stay the same. Where two neighbours have other schemas,
    or were written in other ways, a new part begins.

    Args:
        storage: The output.
        merge: What to merge.
        epoch: Epoch of the driver that asks for it.

    Raises:
        DamagedPartError: A part is not what is recorded of it.
    """
    stretches = list(_stretches(merge.shards))
    must = any(part.stale_in for part in merge.shards.values())
    for run, layout in _runs(storage, stretches):
        if must or len(run) > 1:
            yield _merged(storage, merge, run, layout, epoch, whole=not must)


def _stretches(shards: Mapping[str, PartReport]) -> Iterator[_Stretch]:
    together: dict[str, PartReport] = {}
    for shard, part in shards.items():
        if together and next(iter(together.values())).path != part.path:
            yield _Stretch(together)
            together = {}
        together[shard] = part
    yield _Stretch(together)


def _runs(storage: Storage, stretches: list[_Stretch]) -> Iterator[tuple[list[_Stretch], Layout]]:
    """Neighbours that go together, and what they have in common."""
    run: list[_Stretch] = []
    common: Layout | None = None
    for stretch in stretches:
        layout = _layout(storage, stretch.part.path)
        joined = common.joined(layout) if common else layout
        if joined is None and common:
            yield run, common
            run = []
        run.append(stretch)
        common = joined or layout
    if common:
        yield run, common


def _layout(storage: Storage, path: str) -> Layout:
    try:
        with storage.open(path) as file:
            return Layout.of(pq.ParquetFile(file))
    except (OSError, pa.ArrowException) as error:
        raise DamagedPartError(path) from error


def _merged(
    storage: Storage, merge: Merge, run: list[_Stretch], layout: Layout, epoch: int, whole: bool
) -> Merged:
    shards = {shard: part for stretch in run for shard, part in stretch.shards.items()}
    names = part_names(merge.output, next(iter(shards)), epoch)
    with (
        storage.writing(),
        PartWriter(
            storage, names, layout.schema, merge.row_group_bytes, layout.options or {}
        ) as writer,
    ):
        for stretch in run:
            with _rows(storage, stretch, layout.schema, whole) as rows:
                for part in stretch.shards.values():
                    for batch in rows.take(part.first_row, part.rows):
                        writer.write(batch)
        report = writer.publish()
    sizes = {shard: (part.rows, part.size) for shard, part in shards.items()}
    return Merged(merge.output, report.path, report.bytes, report.sha256, sizes)


@contextlib.contextmanager
def _rows(
    storage: Storage, stretch: _Stretch, schema: pa.Schema, whole: bool
) -> Iterator[StoredRows]:
    path = stretch.part.path
    with open_checked(storage, stretch.part) as file:
        # None may be left out but those that a retry has taken the place of.
        if whole and rows_shared(stretch.shards.values()) != file.metadata.num_rows:
            raise DamagedPartError(path)
        yield StoredRows(file, path, schema)
