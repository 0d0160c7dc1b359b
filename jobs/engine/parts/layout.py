"""How a part is laid out, read from the part itself."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


@dataclass(frozen=True, eq=False)
class Layout:
    """What has to be the same in parts that are to become one.

    Attributes:
        schema: Schema of the rows, with its metadata.
        options: Keyword arguments of `pyarrow.parquet.ParquetWriter` that the part was written
            with, as far as it tells; None if it has no rows, since then it does not.
    """

    schema: pa.Schema
    options: dict[str, Any] | None

    @classmethod
    def of(cls, file: pq.ParquetFile) -> Layout:
        """The layout of an open part."""
        schema = _schema(file)
        if not file.metadata.num_row_groups:
            return cls(schema, None)
        group = file.metadata.row_group(0)
        columns = [group.column(index) for index in range(group.num_columns)]
        codecs = {column.path_in_schema: _codec(column.compression) for column in columns}
        encoded = [column.path_in_schema for column in columns if column.has_dictionary_page]
        options = {
            "compression": codecs,
            "use_dictionary": encoded,
            "write_statistics": any(column.is_stats_set for column in columns),
        }
        return cls(schema, options)

    def joined(self, other: Layout) -> Layout | None:
        """The layout of this part and another as one; None if they do not go together."""
        if not self.schema.equals(other.schema, check_metadata=True):
            return None
        if None in (self.options, other.options):
            return self if other.options is None else other
        return self if self.options == other.options else None


def _schema(file: pq.ParquetFile) -> pa.Schema:
    """The schema that was written; of dictionaries, older Arrow reads other indices."""
    stored = (file.metadata.metadata or {}).get(b"ARROW:schema")
    if stored is None:
        return file.schema_arrow
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(stored)))


def _codec(name: str) -> str:
    return "NONE" if name == "UNCOMPRESSED" else name
