"""What the schemas of all tables have in common: provenance, and what `datasets` reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

# Metadata of a table of vectors: what they depend on, as JSON.
EMBEDDING_MODEL = "mtcnn_ray.embedding_model"


def floats(count: int, kind: pa.DataType | None = None) -> pa.DataType:
    """A fixed number of floats, float32 by default; the items' name is what Parquet calls them."""
    return pa.list_(pa.field("element", kind or pa.float32()), count)


def provenance(
    config_digest: str, model_digests: Mapping[str, str], version: int
) -> dict[str, str]:
    """What the schemas of a job say about how their rows were made."""
    return {
        "mtcnn_ray.schema_version": str(version),
        "mtcnn_ray.config_digest": config_digest,
        "mtcnn_ray.model_digests": json.dumps(dict(model_digests), sort_keys=True),
    }


def with_features(
    fields: Sequence[pa.Field], metadata: Mapping[str, str], images: Sequence[str] = ()
) -> pa.Schema:
    """A schema that `datasets` knows the features of.

    Args:
        fields: Its columns.
        metadata: What else it says.
        images: Columns that hold pictures.
    """
    features = {
        field.name: {"_type": "Image"} if field.name in images else _feature(field.type)
        for field in fields
    }
    hugging_face = json.dumps({"info": {"features": features}})
    return pa.schema(fields, metadata={**metadata, "huggingface": hugging_face})


def _feature(kind: pa.DataType) -> dict[str, Any]:
    if pa.types.is_fixed_size_list(kind):
        # "Sequence" is what every release of `datasets` reads; later ones call it "List".
        value = _value(kind.value_type)
        return {"feature": value, "length": kind.list_size, "_type": "Sequence"}
    return _value(kind.value_type if pa.types.is_dictionary(kind) else kind)


def _value(kind: pa.DataType) -> dict[str, Any]:
    names = {pa.float32(): "float32", pa.float16(): "float16"}
    if pa.types.is_fixed_size_binary(kind):
        return {"dtype": "binary", "_type": "Value"}
    return {"dtype": names.get(kind) or str(kind), "_type": "Value"}
