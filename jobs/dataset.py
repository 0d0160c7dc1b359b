"""The committed rows of an output, each exactly once, whatever is going on."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.engine.identity import require_identity
from jobs.engine.ledger.ending import is_finished
from jobs.engine.ledger.heads import Heads
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage


@dataclass(frozen=True)
class Part:
    """A Parquet file with committed rows.

    Attributes:
        path: Relative to the output.
        stretches: First row and number of rows of each stretch that counts, in order. It is one,
            all of the file, but for the time in which a retry replaces rows of a shared file.
    """

    path: str
    stretches: tuple[tuple[int, int], ...]

    @property
    def rows(self) -> int:
        """Rows that count."""
        return sum(rows for _, rows in self.stretches)


class Dataset:
    """What was committed in an output when it was opened.

    Args:
        storage: The output.
        heads: What is committed of its shards.

    Attributes:
        parts: Table -> its files, in the order of the rows.
        statuses: Status -> number of items, most frequent first.
        rows: Table -> number of rows.
        is_finished: Whether every planned shard is committed and nobody is writing, so that all
            files of a table's folder are parts of it.
    """

    def __init__(self, storage: Storage, heads: Heads) -> None:
        told = heads.tally()
        self.parts = {table: tuple(_parts(heads, table)) for table in told.files}
        self.statuses = told.statuses
        self.rows = told.rows
        self.is_finished = is_finished(storage)
        self._is_stale = bool(heads.stale())
        self._storage = storage

    def paths(self, table: str) -> list[str]:
        """The files of a table as paths or URLs, to hand to pandas, DuckDB, Ray or `datasets`.

        Raises:
            UserError: A retry that was stopped has left rows in them that do not count.
        """
        parts = self._of(table)
        if self._is_stale:
            raise UserError(
                f"a retry of '{self._storage.url}' is under way or was stopped: run it again, "
                "or read with Dataset.batches"
            )
        root = self._storage.root if self._storage.local else self._storage.url
        return [f"{root.rstrip('/')}/{part.path}" for part in parts]

    def schema(self, table: str) -> pa.Schema:
        """The schema of a table, with its metadata.

        Raises:
            UserError: There is no such table.
        """
        with self._open(self._of(table)[0]) as file:
            return file.schema_arrow

    def batches(self, table: str, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Rows of a table in their order, a row group at a time.

        Args:
            table: Such as `faces`.
            columns: Those wanted; None is all.

        Raises:
            UserError: There is no such table, or a file of it cannot be read.
        """
        for part in self._of(table):
            with self._open(part) as file:
                yield from _taken(file, part.stretches, columns)

    def read(self, table: str, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows of a table, in memory; otherwise as :meth:`batches`."""
        batches = list(self.batches(table, columns))
        return pa.Table.from_batches(batches) if batches else self.schema(table).empty_table()

    def _of(self, table: str) -> tuple[Part, ...]:
        if table not in self.parts:
            known = ", ".join(self.parts) or "none yet"
            raise UserError(
                f"there is no table '{table}' in '{self._storage.url}': there is {known}"
            )
        return self.parts[table]

    @contextlib.contextmanager
    def _open(self, part: Part) -> Generator[pq.ParquetFile, None, None]:
        try:
            with self._storage.open(part.path) as stream, pq.ParquetFile(stream) as file:
                yield file
        except (OSError, pa.ArrowException) as error:
            raise UserError(
                f"'{part.path}' in '{self._storage.url}' cannot be read: if nobody has retried or "
                "compacted it meanwhile, run 'mtcnn-ray verify' on it"
            ) from error


def open_dataset(output: str, options: Mapping[str, Any] | None = None) -> Dataset:
    """What is committed in an output now; works while its job runs, and after it was killed.

    Args:
        output: Local path or fsspec URL.
        options: Keyword arguments of the fsspec file system.

    Raises:
        UserError: There is no job, it was made by a newer version, or a record is damaged.
    """
    storage = Storage(output, options)
    require_identity(storage)
    return Dataset(storage, Heads.read(storage))


def _parts(heads: Heads, table: str) -> Iterator[Part]:
    path: str | None = None
    stretches: list[tuple[int, int]] = []
    for _, part in heads.parts(table):
        if part.path != path:
            if path is not None:
                yield Part(path, tuple(stretches))
            path, stretches = part.path, []
        if stretches and sum(stretches[-1]) == part.first_row:
            stretches[-1] = stretches[-1][0], stretches[-1][1] + part.rows
        elif part.rows:
            stretches.append((part.first_row, part.rows))
    if path is not None:
        yield Part(path, tuple(stretches))


def _taken(
    file: pq.ParquetFile, stretches: Sequence[tuple[int, int]], columns: Sequence[str] | None
) -> Iterator[pa.RecordBatch]:
    """The rows of some stretches."""
    start = 0
    for batch in file.iter_batches(columns=columns):
        for first, rows in stretches:
            low, high = max(first, start), min(first + rows, start + batch.num_rows)
            if low < high:
                yield batch.slice(low - start, high - low)
        start += batch.num_rows
