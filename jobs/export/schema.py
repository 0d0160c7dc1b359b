"""The Arrow schema of `files`, and of what is staged for the workers."""

from __future__ import annotations

import pyarrow as pa

from jobs.engine.parts.row_names import named_by
from jobs.export.kind import EXPORT
from jobs.kind.schemas import provenance

SCHEMA_VERSION = EXPORT.schema_version

_WORD = pa.dictionary(pa.int32(), pa.string())
_FILES = [
    pa.field("key", pa.string(), nullable=False),
    pa.field("face_index", pa.int16(), nullable=False),
    pa.field("identity", pa.string()),
    pa.field("class_id", pa.int32()),
    pa.field("split", _WORD),
    pa.field("box", pa.list_(pa.float32())),
    # Below the output; and in a file that holds many, what it is called there.
    pa.field("path", pa.string()),
    pa.field("member", pa.string()),
    # Of the crop.
    pa.field("bytes", pa.int64()),
    pa.field("sha256", pa.string()),
    # Of the file, where it holds many.
    pa.field("file_bytes", pa.int64()),
    pa.field("file_sha256", _WORD),
    pa.field("status", _WORD, nullable=False),
]
# What is staged for the workers: of each face where its crop is, and what it is called.
STAGED = pa.schema(
    [
        ("key", pa.string()),
        ("face_index", pa.int16()),
        ("identity", pa.string()),
        ("class_id", pa.int32()),
        ("class_name", pa.string()),
        ("stem", pa.string()),
        ("box", pa.list_(pa.float32())),
        ("shard", pa.string()),
        ("version", pa.string()),
        ("row", pa.int64()),
    ]
)


def files_schema(config_digest: str, version: int = SCHEMA_VERSION) -> pa.Schema:
    """The schema of `files`: one row a face, with the file that it was written to."""
    schema = pa.schema(_FILES, metadata=provenance(config_digest, {}, version))
    return named_by(schema, ("key", "face_index"))
