"""The Arrow schema of the table `embeddings`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from jobs.engine.parts.row_names import named_by
from jobs.kind.schemas import floats, with_features
from mtcnn_core.embedding.perceptual_hash import HASH_BYTES

_REPEATING = ["label", "status", "error"]


def embeddings_schema(width: int, dtype: str, metadata: Mapping[str, str]) -> pa.Schema:
    """The schema of `embeddings`: one row for every face, whatever became of it.

    Args:
        width: Numbers a vector.
        dtype: Their type, "float32" or "float16".
        metadata: How the rows were made.
    """
    number = pa.float16() if dtype == "float16" else pa.float32()
    fields = [
        pa.field("key", pa.string(), nullable=False),
        pa.field("face_index", pa.int16(), nullable=False),
        pa.field("label", pa.string()),
        pa.field("status", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("error", pa.string()),
        pa.field("embedding", floats(width, number)),
        pa.field("norm", pa.float32()),
        pa.field("quality", pa.float32()),
        pa.field("phash", pa.binary(HASH_BYTES)),
    ]
    return named_by(with_features(fields, metadata), ["key", "face_index"])


def writer_options(compression: str) -> dict[str, Any]:
    """How the table is written: no dictionary where values do not repeat."""
    return {"compression": compression, "use_dictionary": _REPEATING, "write_statistics": True}
