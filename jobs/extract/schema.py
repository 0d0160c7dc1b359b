"""The Arrow schemas of the two tables, written once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from jobs.extract.kind import EXTRACT
from jobs.kind.schemas import floats, with_features

SCHEMA_VERSION = EXTRACT.schema_version
# Column -> version that it came with, of those that were not there from the beginning. An output
# goes on in the version it was begun with.
ADDED: Mapping[str, int] = {"frames": 2, "image_width": 2, "image_height": 2}

# The Hugging Face `Image` layout: readers that know it show the bytes as a picture.
CROP = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


_IMAGES = [
    pa.field("key", pa.string(), nullable=False),
    pa.field("uri", pa.string(), nullable=False),
    pa.field("label", pa.string()),
    pa.field("sha256", pa.string()),
    pa.field("bytes", pa.int64()),
    pa.field("width", pa.int32()),
    pa.field("height", pa.int32()),
    pa.field("orientation", pa.int8()),
    pa.field("status", pa.dictionary(pa.int32(), pa.string()), nullable=False),
    pa.field("error", pa.string()),
    pa.field("num_faces", pa.int32(), nullable=False),
    pa.field("frames", pa.int32()),
]

_FACES = [
    pa.field("key", pa.string(), nullable=False),
    pa.field("uri", pa.string(), nullable=False),
    pa.field("label", pa.string()),
    pa.field("face_index", pa.int16(), nullable=False),
    pa.field("box", floats(4), nullable=False),
    pa.field("score", pa.float32(), nullable=False),
    pa.field("landmarks", floats(10), nullable=False),
    pa.field("kept", pa.bool_(), nullable=False),
    pa.field("matrix", floats(6), nullable=False),
    pa.field("sharpness", pa.float32(), nullable=False),
    # Nullable, since `datasets` takes the feature only where the field is as it would write it.
    pa.field("crop", CROP),
    pa.field("image_width", pa.int32(), nullable=False),
    pa.field("image_height", pa.int32(), nullable=False),
]


def images_schema(metadata: Mapping[str, str], version: int = SCHEMA_VERSION) -> pa.Schema:
    """The schema of `images`: one row for every input, whatever became of it."""
    return _schema(_IMAGES, metadata, version)


def faces_schema(metadata: Mapping[str, str], version: int = SCHEMA_VERSION) -> pa.Schema:
    """The schema of `faces`: one row a face."""
    return _schema(_FACES, metadata, version)


def writer_options(name: str, compression: str) -> dict[str, Any]:
    """How a table is written: no dictionary where values do not repeat, no compression of JPEGs."""
    schema = {"images": _IMAGES, "faces": _FACES}[name]
    repeating = [field.name for field in schema if field.name in {"label", "status", "error"}]
    return {"compression": compression, "use_dictionary": repeating, "write_statistics": True}


def _schema(columns: list[pa.Field], metadata: Mapping[str, str], version: int) -> pa.Schema:
    fields = [field for field in columns if ADDED.get(field.name, 1) <= version]
    return with_features(fields, metadata, images=["crop"])
