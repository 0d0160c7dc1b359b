"""The members of an input, and how the plan stores them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.engine.errors import UserError
from jobs.engine.files.storage import Storage

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
class Member:
    """One member of the input: an item, or a part of a container that holds many.

    Attributes:
        key: Unique name within the input.
        uri: Where it is.
        size: Bytes; None where that is not known.
        version: ETag or modification time.
        label: Class of the item, if it has one.
        items: How many items it holds; None for a container that tells only when it is read.
        start: Where a part of a container begins, in the container's own unit; 0 for others.
        stop: Where it ends, itself not included; None is the end of the container.
    """

    key: str
    uri: str
    size: int | None
    version: str
    label: str | None
    items: int | None = 1
    start: int = 0
    stop: int | None = None

    @property
    def is_container(self) -> bool:
        """Whether it is read for the items in it; the key is then not theirs."""
        return self.items != 1 or self.stop is not None


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
            f"The plan's file '{path}' {why}; restore it from a copy, or use another output."
        ) from error
