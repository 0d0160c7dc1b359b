"""Parquet parts: written aside, byte for byte a function of their rows, published when whole."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.engine.parts.row_bytes import canonical, row_bytes
from jobs.engine.parts.whole import Piece, Whole
from jobs.engine.reports import PartReport
from jobs.messages.errors import JobError, OutputError
from jobs.storage.storage import Storage


class PartWriter:
    """Writes one Parquet file; leaving the block without `publish` leaves nothing behind.

    Where row groups are cut and what is in them depends on the rows alone, not on how they were
    batched: batches are re-cut by row, and dictionaries rebuilt in order of appearance.

    Args:
        storage: Where the part is published.
        names: Paths that it may have there, the first it can have.
        schema: Schema of its rows.
        row_group_bytes: Limit of a row group's data before compression; a single row may exceed
            it. Rows that the schema keeps whole are divided only where they alone exceed it.
        options: Keyword arguments of `pyarrow.parquet.ParquetWriter`.
    """

    def __init__(
        self,
        storage: Storage,
        names: Iterable[str],
        schema: pa.Schema,
        row_group_bytes: int,
        options: Mapping[str, Any],
    ) -> None:
        self._storage = storage
        self._names = iter(names)
        self._path = next(self._names)
        self._schema = schema
        self._row_group_bytes = row_group_bytes
        self._pending: list[pa.RecordBatch] = []
        self._pending_bytes = 0
        self._whole = Whole.of(schema, row_group_bytes)
        self._rows = 0
        self._report: PartReport | None = None
        with contextlib.ExitStack() as stack:
            self._spool: Path = stack.enter_context(storage.spool(self._path))
            # Opened here: an object without its file would still be closed when it is collected.
            file = self._spool.open("wb")
            self._file = stack.enter_context(contextlib.closing(_HashingFile(file)))
            self._parquet = pq.ParquetWriter(self._file, schema, **options)
            # pyarrow's writer insists on writing a footer, now or when it is collected.
            stack.callback(self._parquet.close)
            stack.callback(self._file.abandon)
            self._stack = stack.pop_all()

    def __enter__(self) -> PartWriter:
        return self

    def __exit__(self, *failure: object) -> None:
        self._stack.close()

    def write(self, batch: pa.RecordBatch) -> None:
        """Adds rows.

        Raises:
            JobError: Their schema is not that of the part.
        """
        if not batch.schema.equals(self._schema):
            raise JobError(
                f"rows for {self._path} have another schema than announced:\n"
                f"{batch.schema}\ninstead of\n{self._schema}"
            )
        self._rows += batch.num_rows
        if self._whole is None:
            self._add(batch)
        else:
            self._add_whole(self._whole.add(batch))

    def finish(self) -> PartReport:
        """Finishes the file, which does not appear yet; nothing can be added any more."""
        if self._report is None:
            if self._whole is not None:
                self._add_whole(self._whole.rest())
            self._flush()
            self._parquet.close()
            self._file.close()
            self._report = PartReport(
                path=self._path,
                rows=self._rows,
                bytes=self._file.bytes,
                sha256=self._file.digest.hexdigest(),
            )
        return self._report

    def publish(self) -> PartReport:
        """Finishes the file and makes it appear under the first of its names that it can have.

        That is one which is free, or which holds the same content: another worker may have written
        it and not lived to commit it.
        """
        report = self.finish()
        for name in chain([report.path], self._names):
            if self._storage.create_file(self._spool, name, report.sha256):
                return replace(report, path=name)
        raise OutputError(f"'{report.path}' has other content already: verify the output")

    def _add(self, batch: pa.RecordBatch) -> None:
        sizes = row_bytes(batch)
        start = 0
        for row, size in enumerate(sizes.tolist()):
            if self._pending_bytes and self._pending_bytes + size > self._row_group_bytes:
                self._pending.append(batch.slice(start, row - start))
                self._flush()
                start = row
            self._pending_bytes += size
        self._pending.append(batch.slice(start))

    def _add_whole(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            is_full = self._pending_bytes + piece.bytes > self._row_group_bytes
            if self._pending_bytes and (is_full or piece.is_apart):
                self._flush()
            self._pending += piece.batches
            self._pending_bytes += piece.bytes
            if piece.is_apart:
                self._flush()

    def _flush(self) -> None:
        table = pa.Table.from_batches(self._pending, self._schema)
        self._pending = []
        self._pending_bytes = 0
        if table.num_rows:
            # One chunk a column, because pages end where chunks end.
            columns = [canonical(column) for column in table.columns]
            table = pa.Table.from_arrays(columns, schema=self._schema)
            self._parquet.write_table(table, row_group_size=table.num_rows)


class _HashingFile(io.RawIOBase):
    """A file that knows the SHA-256 of what was written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self.digest = hashlib.sha256()
        self.bytes = 0
        self._file = file
        self._abandoned = False

    def writable(self) -> bool:
        return True

    def abandon(self) -> None:
        """Drops what is written from now on."""
        self._abandoned = True

    def write(self, data: Any) -> int:
        if self._abandoned:
            return len(data)
        self.digest.update(data)
        written = self._file.write(data)
        self.bytes += written
        return written

    def flush(self) -> None:
        if not self._file.closed:
            self._file.flush()

    def tell(self) -> int:
        return self.bytes

    def close(self) -> None:
        if not self.closed:
            self._file.close()
            super().close()
