"""The members of an input as a plan stores them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.members import Member, Origin
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage

SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("uri", pa.string(), nullable=False),
        pa.field("size", pa.int64()),
        pa.field("version", pa.string(), nullable=False),
        pa.field("label", pa.string()),
        pa.field("items", pa.int64()),
        pa.field("start", pa.int64(), nullable=False),
        pa.field("stop", pa.int64()),
    ]
)


@dataclass(frozen=True)
class Planned:
    """The members of a shard as they are now.

    Attributes:
        shard: Its identifier.
        origin: The input that they were listed in; None if that is not recorded.
        members: In order.
    """

    shard: str
    origin: Origin | None
    members: list[Member]


def table_of(members: Sequence[Member]) -> pa.Table:
    """The members as rows of the plan."""
    columns = {name: [getattr(member, name) for member in members] for name in SCHEMA.names}
    return pa.table(columns, schema=SCHEMA)


def members_of(table: pa.Table, origin: Origin | None = None) -> list[Member]:
    """The members in rows of the plan, which were listed in an input."""
    columns = [column.to_pylist() for column in table.columns]
    origins = [origin] * table.num_rows
    return [Member(*row) for row in zip(*columns, origins, strict=True)]


def read_members(storage: Storage, path: str) -> Iterator[list[Member]]:
    """The shards of a plan file, one after the other.

    Raises:
        UserError: The file is missing or damaged.
    """
    with _readable(path), storage.open(path) as stream, pq.ParquetFile(stream) as file:
        for group in range(file.num_row_groups):
            yield members_of(file.read_row_group(group, SCHEMA.names))


class GroupReader:
    """Reads single shards of plan files; keeps the last file open, whose footer is large.

    Args:
        storage: The output.
    """

    def __init__(self, storage: Storage) -> None:
        """Opens nothing yet."""
        self._storage = storage
        self._path: str | None = None
        self._file: pq.ParquetFile | None = None

    def group(self, path: str, row_group: int, origin: Origin | None = None) -> list[Member]:
        """The members in a row group of a plan file, in order, which were listed in an input.

        Raises:
            UserError: The file is missing or damaged.
        """
        with _readable(path):
            if self._file is None or self._path != path:
                self._file = pq.ParquetFile(self._storage.open(path))
                self._path = path
            return members_of(self._file.read_row_group(row_group, SCHEMA.names), origin)


@contextlib.contextmanager
def _readable(path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, KeyError, pa.ArrowException) as error:
        why = "is missing" if isinstance(error, FileNotFoundError) else f"is damaged ({error})"
        raise UserError(
            f"the plan's file '{path}' {why}: restore it from a copy, or use another output"
        ) from error
