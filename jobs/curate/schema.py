"""The Arrow schema of `verdicts`, and the words in it."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from jobs.curate.kind import CURATE
from jobs.engine.parts.row_names import named_by
from jobs.kind.schemas import provenance

SCHEMA_VERSION = CURATE.schema_version

_FACE = [
    pa.field("key", pa.string(), nullable=False),
    pa.field("face_index", pa.int16(), nullable=False),
]
# The names of the items are what Parquet calls them.
EVIDENCE = pa.list_(pa.field("element", pa.struct(_FACE), nullable=False))
LEAK = pa.struct(
    [
        pa.field("against", pa.string(), nullable=False),
        pa.field("score", pa.float32(), nullable=False),
        *_FACE,
    ]
)
LEAKS = pa.list_(pa.field("element", LEAK, nullable=False))

VERDICTS = pa.schema(
    [
        *_FACE,
        pa.field("label", pa.string()),
        pa.field("status", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("identity", pa.string()),
        pa.field("verdict", pa.string(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("score", pa.float32()),
        pa.field("evidence", EVIDENCE, nullable=False),
        pa.field("leaks", LEAKS, nullable=False),
    ]
)


def verdicts_schema(
    config_digest: str, model_digests: Mapping[str, str], version: int = SCHEMA_VERSION
) -> pa.Schema:
    """The schema of `verdicts`, which says how its rows were made."""
    metadata = provenance(config_digest, model_digests, version)
    return named_by(VERDICTS.with_metadata(metadata), ("key", "face_index"))
