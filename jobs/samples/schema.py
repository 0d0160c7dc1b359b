"""The table of photos that samples were made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from jobs.kind.schemas import with_features
from jobs.samples.kind import SAMPLES

SCHEMA_VERSION = SAMPLES.schema_version

# What is counted of each photo; the first four are kinds of samples.
COUNTS = (
    *("num_negatives", "num_parts", "num_positives", "num_landmarks"),
    *("num_faces", "num_ignored", "num_unusable", "num_doubtful", "num_missed"),
)

_IMAGES = [
    pa.field("key", pa.string(), nullable=False),
    pa.field("uri", pa.string(), nullable=False),
    pa.field("truth", pa.string()),
    pa.field("sha256", pa.string()),
    pa.field("bytes", pa.int64()),
    pa.field("width", pa.int32()),
    pa.field("height", pa.int32()),
    pa.field("status", pa.dictionary(pa.int32(), pa.string()), nullable=False),
    pa.field("error", pa.string()),
    pa.field("num_samples", pa.int32(), nullable=False),
    *(pa.field(name, pa.int32(), nullable=False) for name in COUNTS),
]


def images_schema(metadata: Mapping[str, str]) -> pa.Schema:
    """The schema of ``images``: one row a photo."""
    return with_features(_IMAGES, metadata)


def writer_options(name: str, compression: str) -> dict[str, Any]:
    """How a table is written: no dictionary where values do not repeat, pixels as they are."""
    if name == "images":
        return {"compression": compression, "use_dictionary": ["status", "error"]}
    return {
        "compression": {"key": compression, "pixels": "none"},
        "use_dictionary": ["key", "kind"],
        "write_statistics": ["key", "kind"],
    }
