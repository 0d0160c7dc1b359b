"""The Arrow schemas of `feed` and `classes`, and of what is staged for the workers."""

from __future__ import annotations

import pyarrow as pa

from jobs.engine.parts.row_names import named_by
from jobs.engine.parts.whole import kept_whole
from jobs.feed.kind import FEED
from jobs.kind.schemas import provenance, with_features

SCHEMA_VERSION = FEED.schema_version
# Metadata of `feed`: how its crops were made, the section `crop` of `extract` as JSON.
CROP_SETTINGS = "mtcnn_ray.crop"

_WORD = pa.dictionary(pa.int32(), pa.string())
_CROP = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_FEED = [
    pa.field("key", pa.string(), nullable=False),
    pa.field("face_index", pa.int16(), nullable=False),
    pa.field("class_id", pa.int32(), nullable=False),
    pa.field("split", _WORD, nullable=False),
    # Nullable, since `datasets` takes the feature only where the field is as it would write it.
    pa.field("crop", _CROP),
    pa.field("status", _WORD, nullable=False),
    pa.field("num_classes", pa.int32(), nullable=False),
]
# With the first face of each class, whose row in `feed` the class's own goes with.
_CLASSES = [
    pa.field("key", pa.string(), nullable=False),
    pa.field("face_index", pa.int16(), nullable=False),
    pa.field("class_id", pa.int32(), nullable=False),
    pa.field("identity", pa.string(), nullable=False),
    pa.field("count", pa.int32(), nullable=False),
    pa.field("split", pa.string(), nullable=False),
]
# What is staged for the workers: of each face where its crop is, and what becomes of it.
STAGED = pa.schema(
    [
        ("key", pa.string()),
        ("face_index", pa.int16()),
        ("class_id", pa.int32()),
        ("identity", pa.string()),
        ("count", pa.int32()),
        ("split", pa.string()),
        ("shard", pa.string()),
        ("version", pa.string()),
        ("row", pa.int64()),
    ]
)


def feed_schema(config_digest: str, crop: str, version: int = SCHEMA_VERSION) -> pa.Schema:
    """The schema of `feed`: one row a face, the identities one after the other.

    Args:
        config_digest: What the output records of the config.
        crop: How its crops were made, as JSON.
        version: Version of the schema.
    """
    metadata = {**provenance(config_digest, {}, version), CROP_SETTINGS: crop}
    schema = with_features(_FEED, metadata, images=["crop"])
    return kept_whole(named_by(schema, ("key", "face_index")), "class_id")


def classes_schema(config_digest: str, version: int = SCHEMA_VERSION) -> pa.Schema:
    """The schema of `classes`: one row an identity."""
    return pa.schema(_CLASSES, metadata=provenance(config_digest, {}, version))
