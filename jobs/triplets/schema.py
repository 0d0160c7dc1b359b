"""The Arrow schemas of `anchors` and `triplets`, and of what is staged for the workers."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from jobs.engine.parts.row_names import named_by
from jobs.kind.schemas import provenance
from jobs.triplets.kind import TRIPLETS

SCHEMA_VERSION = TRIPLETS.schema_version

_NAMES = [
    pa.field("key", pa.string(), nullable=False),
    pa.field("face_index", pa.int16(), nullable=False),
]
_FACE = pa.struct(_NAMES)
_ANCHORS = [
    *_NAMES,
    pa.field("class_id", pa.int32()),
    pa.field("status", pa.dictionary(pa.int32(), pa.string()), nullable=False),
    pa.field("num_triplets", pa.int32(), nullable=False),
]
# A triplet goes with each of its faces when that is forgotten.
_TRIPLETS = [
    *_NAMES,
    pa.field("anchor", _FACE, nullable=False),
    pa.field("positive", _FACE, nullable=False),
    pa.field("negative", _FACE, nullable=False),
    pa.field("distance_positive", pa.float32(), nullable=False),
    pa.field("distance_negative", pa.float32(), nullable=False),
]
_DISTANCE = pa.field("distance", pa.float32(), nullable=False)
NEGATIVE = pa.struct([*_NAMES, _DISTANCE])
POSITIVE = pa.struct(
    [
        *_NAMES,
        _DISTANCE,
        pa.field("first", pa.int32(), nullable=False),
        pa.field("count", pa.int32(), nullable=False),
    ]
)
# What is staged for the workers: of each anchor its negatives, and its positives with the first of
# the negatives that each goes with, and how many those are.
STAGED = pa.schema(
    [
        *_NAMES,
        ("class_id", pa.int32()),
        ("status", pa.string()),
        pa.field("positives", pa.list_(pa.field("element", POSITIVE, nullable=False))),
        pa.field("negatives", pa.list_(pa.field("element", NEGATIVE, nullable=False))),
    ]
)


def schemas(
    config_digest: str, model_digests: Mapping[str, str], version: int = SCHEMA_VERSION
) -> dict[str, pa.Schema]:
    """The schemas of both tables, which say how their rows were made."""
    metadata = provenance(config_digest, model_digests, version)
    anchors = pa.schema(_ANCHORS, metadata=metadata)
    return {
        "anchors": named_by(anchors, ("key", "face_index")),
        "triplets": pa.schema(_TRIPLETS, metadata=metadata),
    }
