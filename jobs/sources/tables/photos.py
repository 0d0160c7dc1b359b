"""The photos in one Parquet file, read range by range in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.keys import KeySet
from jobs.messages.errors import UserError
from jobs.sources.settings import InputSettings
from jobs.sources.tables.columns import ParquetColumns, texts
from jobs.sources.tables.limits import LONGEST_TEXT, check_footer, most_rows
from jobs.storage.read_error import ReadError, over_limit
from jobs.storage.streams.inflated_file import INFLATES, most_content
from jobs.storage.streams.range_file import RangeFile

# Read at once of each column. Without a buffer Arrow reads all of a row group's column at once.
_BUFFER_BYTES = 4 << 20
# Rows decoded at once: a few bytes of a dictionary can stand for a large value in each of them.
_BATCH_ROWS = 1
# Names read at once to compare them.
_NAMES, _NESTED_NAMES = 4096, 16

CHANGED = "the file changed after it was listed"

# What Arrow raises for a damaged file; names in it need not be UTF-8.
_DAMAGE = (pa.ArrowException, OSError, UnicodeDecodeError)


@dataclass(frozen=True)
class TablePhoto:
    """One row.

    Attributes:
        row: Its number in the file; None stands for the whole file.
        data: The encoded picture, or why there is none.
        name: Its key or path; empty or None if it has none.
        label: From the label column, if there is one.
    """

    row: int | None
    data: bytes | ReadError
    name: str | None = None
    label: str | None = None


class _Group(NamedTuple):
    """A row group: its number, its rows, and its share of the file's bytes."""

    number: int
    start: int
    stop: int
    bytes: int


class ParquetPhotos:
    """An open file; close it after use.

    Attributes:
        columns: The columns that are read.
    """

    def __init__(
        self,
        ranges: RangeFile,
        file: pq.ParquetFile,
        columns: ParquetColumns,
        groups: list[_Group],
    ) -> None:
        """See `open`."""
        self.columns = columns
        self._ranges = ranges
        self._file = file
        self._groups = groups

    @staticmethod
    def open(ranges: RangeFile, settings: InputSettings, where: str) -> ParquetPhotos | ReadError:
        """Reads the footer of a file; returns what is wrong, the file closed, if that fails.

        Raises:
            UserError: It is not clear which column of `where` holds the photos, or a column is
                not there.
        """
        try:
            check_footer(ranges)
            file = pq.ParquetFile(
                ranges,
                buffer_size=_BUFFER_BYTES,
                pre_buffer=False,
                page_checksum_verification=True,
            )
            columns = ParquetColumns.of(file.schema_arrow, settings, where)
            groups = _groups(file, ranges.size)
        except UserError:
            ranges.close()
            raise
        except pa.ArrowNotImplementedError as error:
            ranges.close()
            return _unsupported(error)
        except _DAMAGE as error:
            ranges.close()
            return ranges.failure or _damaged("its footer is damaged or missing", error)
        if groups is None:
            ranges.close()
            return _damaged("its footer is damaged or missing")
        return ParquetPhotos(ranges, file, columns, groups)

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()
        self._ranges.close()

    def ranges(self, split_bytes: int) -> Iterator[tuple[int, int, int]]:
        """Yields the file in parts of whole row groups: first row, row after the last, bytes.

        Args:
            split_bytes: Most bytes in a part; a larger row group is a part of its own.
        """
        start = stop = total = 0
        for group in self._groups:
            if stop > start and total + group.bytes > split_bytes:
                yield start, stop, total
                start, total = stop, 0
            stop, total = group.stop, total + group.bytes
        if stop > start:
            yield start, stop, total

    def repeats_names(self) -> bool:
        """Whether a name comes more than once in the file; of one that is damaged, False."""
        naming = self.columns.naming
        if naming is None:
            return False
        names = KeySet()
        # As a dictionary, where Arrow can: one value can be that of a million rows.
        flat = naming in self._file.schema_arrow.names
        try:
            file = pq.ParquetFile(
                self._ranges, pre_buffer=False, read_dictionary=[naming] if flat else None
            )
            rows = _NAMES if flat else _NESTED_NAMES
            row = 0
            for batch in file.iter_batches(rows, columns=[naming], use_threads=False):
                names.add(_names(batch.column(0), row))
                row += batch.num_rows
        except _DAMAGE:  # whoever reads the photos says so
            self._ranges.failure = None
            return False
        return len(names.repeated()) > 0

    def read(
        self, start: int, stop: int | None, size: int | None, max_bytes: int | None = None
    ) -> Iterator[TablePhoto]:
        """Yields the photos of a part, in order, always as many as it has rows.

        Args:
            start: As it was listed.
            stop: As it was listed; None reads the whole file.
            size: As it was listed; not looked at where `stop` is None.
            max_bytes: Larger photos are passed over.
        """
        if stop is None:
            groups = self._groups
        else:
            groups = [group for group in self._groups if start <= group.start < stop]
            rows = sum(group.stop - group.start for group in groups)
            whole = rows == stop - start and (not groups or groups[0].start == start)
            if not whole or sum(group.bytes for group in groups) != size:
                error = ReadError("unreadable", CHANGED)
                yield from (TablePhoto(row, error) for row in range(start, stop))
                return
        for group in groups:
            yield from self._group(group, max_bytes)

    def _group(self, group: _Group, max_bytes: int | None) -> Iterator[TablePhoto]:
        row = group.start
        error = _damaged(f"row group {group.number} is damaged")
        left = most_content(self._ranges.size)
        try:
            for batch in self._batches(group):
                for photo, content in self._photos(batch, row, max_bytes):
                    yield photo
                    row += 1
                    left -= content
                if left < 0:
                    error = _damaged(f"row group {group.number} {INFLATES}")
                    break
        except pa.ArrowNotImplementedError as unsupported:
            error = _unsupported(unsupported)
        except _DAMAGE as damage:
            error = self._ranges.failure or _damaged(f"row group {group.number} is damaged", damage)
            self._ranges.failure = None
        # Damage can also make Arrow stop early without a word.
        yield from (TablePhoto(lost, error) for lost in range(row, group.stop))

    def _batches(self, group: _Group) -> Iterator[pa.RecordBatch]:
        batches = self._file.iter_batches(
            batch_size=_BATCH_ROWS,
            row_groups=[group.number],
            columns=list(self.columns.names),
            use_threads=False,
        )
        yield from batches

    def _photos(
        self, batch: pa.RecordBatch, row: int, max_bytes: int | None
    ) -> Iterator[tuple[TablePhoto, int]]:
        """The photos of a batch, with the bytes that each had in memory."""
        images, paths = self.columns.pictures(batch)
        keys = self.columns.keys(batch)
        labels = self.columns.labels(batch)
        for index, (path, label) in enumerate(zip(paths, labels, strict=True)):
            data, size = _picture(images[index], max_bytes)
            if size is None:
                wrong = "the row holds only a path, no bytes" if path else "the row has no image"
                data = ReadError("unsupported", wrong)
            name = path if keys is None else keys[index]
            content = (size or 0) + len(name or "") + len(label or "")
            if max(len(name or ""), len(label or "")) > LONGEST_TEXT:
                data = ReadError("unsupported", "its key or its label is too long")
                name = label = None
            yield TablePhoto(row + index, data, _relative(name), label), content


def _picture(value: pa.Scalar, max_bytes: int | None) -> tuple[bytes | ReadError, int | None]:
    """The content of a cell, copied only if it is not too large, and its size if it has any."""
    if not value.is_valid:
        return b"", None
    content = value.as_buffer()
    return over_limit(content.size, max_bytes) or content.to_pybytes(), content.size


def _groups(file: pq.ParquetFile, file_bytes: int) -> list[_Group] | None:
    """The row groups, the file's bytes shared out among them; None if the footer is at odds.

    What the footer says of each column is not looked at: damage there ends the process
    (`RowGroupMetaData.column` of pyarrow 26), where reading the column only raises.
    """
    found = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
    rows = [group.num_rows for group in found]
    sizes = [group.total_byte_size for group in found]
    if min([0, *rows, *sizes]) < 0 or sum(rows) != file.metadata.num_rows:
        return None
    if sum(rows) > most_rows(file_bytes):
        return None
    # Some writers leave the sizes out.
    weights = sizes if sum(sizes) else rows
    shares = [file_bytes * above // max(1, sum(weights)) for above in accumulate([0, *weights])]
    return [
        _Group(number, stop - count, stop, shares[number + 1] - shares[number])
        for number, (stop, count) in enumerate(zip(accumulate(rows), rows, strict=True))
    ]


def _names(column: pa.Array, row: int) -> Iterator[str]:
    """The names of photos in a column; the number of the row where there is none."""
    if pa.types.is_struct(column.type):
        column = column.flatten()[0]
    coded = pa.types.is_dictionary(column.type)
    values = texts(column.dictionary if coded else column)
    if coded:
        values = [None if index is None else values[index] for index in column.indices.to_pylist()]
    for number, name in enumerate(values, row):
        short = name if len(name or "") <= LONGEST_TEXT else None
        yield _relative(short) or row_name(number)


def row_name(row: int) -> str:
    """The name of a photo that has none: the number of its row."""
    return f"{row:09d}"


def _relative(name: str | None) -> str | None:
    while name is not None and name.startswith("./"):
        name = name[2:]
    return name


def _damaged(what: str, error: Exception | None = None) -> ReadError:
    if "crypt" in str(error):  # Arrow has no class for it
        return ReadError("unsupported", "the Parquet file cannot be read: it is encrypted")
    return ReadError("unreadable", f"the Parquet file cannot be read: {what}")


def _unsupported(error: Exception) -> ReadError:
    what = str(error).partition("\n")[0]
    return ReadError("unsupported", f"the Parquet file cannot be read: {what}")
