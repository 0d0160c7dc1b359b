"""The rows of published parts, read in order."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.engine.reports import PartReport
from jobs.messages.errors import UserError
from jobs.storage.local_copy import read_once
from jobs.storage.storage import Storage


class DamagedPartError(UserError):
    """A part is not what is recorded of it."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"'{path}' is not as its commit says: delete it and run the job again, "
            "which makes it anew"
        )


@contextlib.contextmanager
def open_checked(storage: Storage, part: PartReport) -> Iterator[pq.ParquetFile]:
    """The file of a part, if it is what is recorded; damage must not get a digest of its own.

    Raises:
        DamagedPartError: It is not.
    """
    with contextlib.ExitStack() as stack:
        try:
            stored, sha256, size = stack.enter_context(read_once(storage, part.path))
            if (sha256, size) != (part.sha256, part.bytes):
                raise DamagedPartError(part.path)
            file = pq.ParquetFile(stored)
        except (FileNotFoundError, pa.ArrowException) as error:
            raise DamagedPartError(part.path) from error
        if file.metadata.num_rows < part.first_row + part.rows:
            raise DamagedPartError(part.path)
        yield file


class StoredRows:
    """The rows of an open part; a row group is in memory at a time.

    Args:
        file: The part.
        path: What to call it in errors.
        schema: To give them, which may differ from the file's in how dictionaries are indexed.
        columns: Those wanted; None is all.
    """

    def __init__(
        self,
        file: pq.ParquetFile,
        path: str,
        schema: pa.Schema,
        columns: Sequence[str] | None = None,
    ) -> None:
        groups = range(file.num_row_groups)
        sizes = [file.metadata.row_group(group).num_rows for group in groups]
        self._file = file
        self._path = path
        self._columns = None if columns is None else list(columns)
        fields = schema if columns is None else map(schema.field, columns)
        self._schema = pa.schema(fields, schema.metadata)
        self._starts = np.cumsum([0, *sizes])
        self._held: tuple[int, pa.Table] | None = None

    def take(self, first: int, count: int) -> Iterator[pa.RecordBatch]:
        """Some rows; cheap if they are asked for in ascending order.

        Raises:
            DamagedPartError: They cannot be read.
        """
        while count:
            group = int(np.searchsorted(self._starts, first, side="right")) - 1
            some = min(count, int(self._starts[group + 1]) - first)
            yield from self._table(group).slice(first - int(self._starts[group]), some).to_batches()
            first += some
            count -= some

    def _table(self, group: int) -> pa.Table:
        if self._held is None or self._held[0] != group:
            self._held = None  # before the next one is read
            try:
                table = self._file.read_row_group(group, self._columns, use_threads=False)
                self._held = group, table.cast(self._schema)
            except (OSError, pa.ArrowException) as error:
                raise DamagedPartError(self._path) from error
        return self._held[1]
