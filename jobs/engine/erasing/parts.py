"""Parts of an output with rows that were forgotten: found, and written anew without those."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.engine.erasing.columns import Name, Naming
from jobs.engine.forgotten import Forgotten
from jobs.engine.ledger.heads import Heads
from jobs.engine.parts.layout import Layout
from jobs.engine.parts.names import part_names
from jobs.engine.parts.part_writer import PartWriter
from jobs.engine.parts.stored import DamagedPartError, StoredRows, open_checked
from jobs.engine.reports import PartReport
from jobs.storage.storage import Storage

_ROWS_AT_ONCE = 2**16


@dataclass
class Touched:
    """A file with rows that were forgotten, or that name or count some.

    Attributes:
        output: The table that it is of.
        shards: Shard -> its rows, of all that share it, in plan order.
        rows: Shard -> rows that it loses.
        changed: Shards whose rows are other ones then.
        entries: Entries of lists that go.
        lost: Key -> rows that go; where rows are of faces, also key and face -> rows that go.
    """

    output: str
    shards: Mapping[str, PartReport]
    rows: Counter[str] = field(default_factory=Counter)
    changed: set[str] = field(default_factory=set)
    entries: int = 0
    lost: Counter[Name] = field(default_factory=Counter)

    @property
    def part(self) -> PartReport:
        """The file as a shard has it."""
        return next(iter(self.shards.values()))


@dataclass(frozen=True)
class Erased:
    """A file that was written anew.

    Attributes:
        path: Where it is, relative to the output.
        bytes: Its size.
        sha256: Its hexadecimal digest.
        parts: Shard -> its rows.
        statuses: Shard -> status -> rows, where there is such a column.
    """

    path: str
    bytes: int
    sha256: str
    parts: Mapping[str, PartReport]
    statuses: Mapping[str, Counter[str]]


def touched(storage: Storage, heads: Heads, primary: str, forgotten: Forgotten) -> list[Touched]:
    """The files that hold something of what was forgotten; each is read once, few columns of it.

    Args:
        storage: The output.
        heads: What is committed.
        primary: The table that counts the rows of the others; it is looked at last.
        forgotten: What was forgotten.

    Raises:
        DamagedPartError: A file cannot be read.
    """
    found: list[Touched] = []
    fewer: dict[str, Counter[Name]] = {}
    for output in sorted(heads.outputs(), key=lambda name: (name == primary, name)):
        for shards in _files(heads, output):
            one = _look(storage, Touched(output, shards), forgotten, fewer)
            if one.changed:
                found.append(one)
        if output != primary:
            fewer[output] = lost_in(found, output)
    return found


def lost_in(found: list[Touched], output: str) -> Counter[Name]:
    """What :attr:`Touched.lost` tells of a table."""
    lost: Counter[Name] = Counter()
    for one in found:
        if one.output == output:
            lost.update(one.lost)
    return lost


def written_without(
    storage: Storage,
    one: Touched,
    forgotten: Forgotten,
    fewer: Mapping[str, Counter[Name]],
    epoch: int,
    row_group_bytes: int,
) -> Erased:
    """Writes a file anew; the old one stays as it is.

    Row groups are cut anew, so that the file is what it would be if the rows had never been there.

    Args:
        storage: The output.
        one: The file.
        forgotten: What is to be left out.
        fewer: Other table -> what :attr:`Touched.lost` tells of it.
        epoch: Epoch of the driver.
        row_group_bytes: Limit of a row group's data before compression.

    Raises:
        DamagedPartError: It is not what is recorded of it.
    """
    names = part_names(one.output, next(iter(one.shards)), epoch)
    rows: dict[str, int] = {}
    statuses: dict[str, Counter[str]] = {}
    with open_checked(storage, one.part) as file:
        layout = Layout.of(file)
        naming = Naming.of(layout.schema)
        stored = StoredRows(file, one.part.path, layout.schema)
        with (
            storage.writing(),
            PartWriter(
                storage, names, layout.schema, row_group_bytes, layout.options or {}
            ) as writer,
        ):
            for shard, part in one.shards.items():
                rows[shard], statuses[shard] = 0, Counter()
                for batch in stored.take(part.first_row, part.rows):
                    batch = naming.without(batch, forgotten, fewer)
                    rows[shard] += batch.num_rows
                    if "status" in batch.schema.names:
                        statuses[shard].update(batch.column("status").to_pylist())
                    writer.write(batch)
            report = writer.publish()
    parts: dict[str, PartReport] = {}
    first = 0
    for shard, part in one.shards.items():
        parts[shard] = PartReport(
            report.path, rows[shard], report.bytes, report.sha256, first, part.own_bytes
        )
        first += rows[shard]
    return Erased(report.path, report.bytes, report.sha256, parts, statuses)


def _look(
    storage: Storage, one: Touched, forgotten: Forgotten, fewer: Mapping[str, Counter[Name]]
) -> Touched:
    path = one.part.path
    counted = set[Name]().union(*fewer.values())
    try:
        with storage.open(path) as stream, pq.ParquetFile(stream) as file:
            naming = Naming.of(file.schema_arrow)
            if not naming.columns:
                return one
            batches = file.iter_batches(_ROWS_AT_ONCE, columns=naming.columns, use_threads=False)
            for shard, batch in _of_shards(one.shards, batches):
                gone = naming.gone(batch, forgotten)
                named = naming.named(batch, forgotten)
                names = naming.names(batch)
                if count := int(gone.sum()):
                    one.rows[shard] += count
                    lost = [name for name, goes in zip(names, gone, strict=False) if goes]
                    one.lost.update(lost)
                    one.lost.update(name[0] for name in lost if isinstance(name, tuple))
                one.entries += named
                if count or named or (counted and not counted.isdisjoint(names)):
                    one.changed.add(shard)
    except (OSError, pa.ArrowException) as error:
        raise DamagedPartError(path) from error
    return one


def _of_shards(
    shards: Mapping[str, PartReport], batches: Iterator[pa.RecordBatch]
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Each shard with some of its rows, of those that share a file."""
    start = 0
    for batch in batches:
        for shard, part in shards.items():
            low = max(part.first_row, start)
            high = min(part.first_row + part.rows, start + batch.num_rows)
            if low < high:
                yield shard, batch.slice(low - start, high - low)
        start += batch.num_rows


def _files(heads: Heads, output: str) -> Iterator[dict[str, PartReport]]:
    """The shards of each file with their rows, in plan order."""
    file: dict[str, PartReport] = {}
    for shard, part in heads.parts(output):
        if file and next(iter(file.values())).path != part.path:
            yield file
            file = {}
        file[shard] = part
    if file:
        yield file
