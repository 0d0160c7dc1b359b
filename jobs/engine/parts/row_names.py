"""What the rows of a primary output are called: by their key, or by key and number."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow as pa

_KEY = ("key",)
_METADATA = b"mtcnn_ray.row_key"


def named_by(schema: pa.Schema, columns: Sequence[str]) -> pa.Schema:
    """A schema whose rows several columns together tell apart, the first of them `key`."""
    return schema.with_metadata({**(schema.metadata or {}), _METADATA: json.dumps([*columns])})


def naming_columns(schema: pa.Schema) -> tuple[str, ...]:
    """The columns that tell the rows of a schema apart; `key` alone unless it says otherwise."""
    stored = (schema.metadata or {}).get(_METADATA)
    return _KEY if stored is None else tuple(json.loads(stored))


def row_names(rows: pa.RecordBatch | pa.Table, columns: Sequence[str]) -> list[str]:
    """The name of each row: its key, followed by `#` and the value of each further column.

    Args:
        rows: Have the columns.
        columns: See :func:`naming_columns`.
    """
    first, *others = (rows.column(name).to_pylist() for name in columns)
    if not others:
        return list(first)
    return ["#".join(map(str, parts)) for parts in zip(first, *others, strict=True)]
