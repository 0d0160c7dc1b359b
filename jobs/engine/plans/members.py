"""The members of an input as a plan stores them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.members import Member
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


def table_of(members: Sequence[Member]) -> pa.Table:
    """The members as rows of the plan."""
    columns = {name: [getattr(member, name) for member in members] for name in SCHEMA.names}
    return pa.table(columns, schema=SCHEMA)


def members_of(table: pa.Table) -> list[Member]:
    """The members in rows of the plan."""
    columns = (column.to_pylist() for column in table.columns)
    return [Member(*row) for row in zip(*columns, strict=True)]


def read_members(storage: Storage, path: str) -> Iterator[list[Member]]:
    """The shards of a plan file, one after the other.

    Raises:
        UserError: The file is missing or damaged.
    """
    try:
        with storage.open(path) as stream, pq.ParquetFile(stream) as file:
            for group in range(file.num_row_groups):
                yield members_of(file.read_row_group(group, SCHEMA.names))
    except (OSError, KeyError, pa.ArrowException) as error:
        why = "is missing" if isinstance(error, FileNotFoundError) else f"is damaged ({error})"
        raise UserError(
            f"the plan's file '{path}' {why}: restore it from a copy, or use another output"
        ) from error
