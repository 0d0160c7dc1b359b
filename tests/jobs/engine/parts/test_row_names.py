from __future__ import annotations

import pyarrow as pa

from jobs.engine.parts.row_names import named_by, naming_columns, row_names

SCHEMA = pa.schema([("key", pa.string()), ("face_index", pa.int16())], {b"made": b"here"})
ROWS = pa.RecordBatch.from_pydict({"key": ["a", "a"], "face_index": [0, 1]}, SCHEMA)


def test_rows_are_named_by_their_key() -> None:
    assert row_names(ROWS, naming_columns(SCHEMA)) == ["a", "a"]


def test_rows_are_named_by_key_and_number() -> None:
    schema = named_by(SCHEMA, ["key", "face_index"])
    assert row_names(ROWS, naming_columns(schema)) == ["a#0", "a#1"]


def test_naming_columns_leave_other_metadata_alone() -> None:
    assert named_by(SCHEMA, ["key", "face_index"]).metadata[b"made"] == b"here"
