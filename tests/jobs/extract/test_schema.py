"""The schemas, field by field as the dataset's readers rely on them."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.extract import schema as tables
from jobs.kind.schemas import provenance

_PROVENANCE = provenance("abc123", {"rnet": "2", "onet": "3", "pnet": "1"}, tables.SCHEMA_VERSION)

# Name, type, may be null.
_IMAGES = [
    ("key", "string", False),
    ("uri", "string", False),
    ("label", "string", True),
    ("sha256", "string", True),
    ("bytes", "int64", True),
    ("width", "int32", True),
    ("height", "int32", True),
    ("orientation", "int8", True),
    ("status", "dictionary<values=string, indices=int32, ordered=0>", False),
    ("error", "string", True),
    ("num_faces", "int32", False),
    ("frames", "int32", True),
]
_FACES = [
    ("key", "string", False),
    ("uri", "string", False),
    ("label", "string", True),
    ("face_index", "int16", False),
    ("box", pa.list_(pa.field("element", pa.float32()), 4), False),
    ("score", "float", False),
    ("landmarks", pa.list_(pa.field("element", pa.float32()), 10), False),
    ("kept", "bool", False),
    ("matrix", pa.list_(pa.field("element", pa.float32()), 6), False),
    ("sharpness", "float", False),
    # May be null, because `datasets` writes it so and takes no other for its own.
    ("crop", pa.struct([("bytes", pa.binary()), ("path", pa.string())]), True),
    ("image_width", "int32", False),
    ("image_height", "int32", False),
]
_LATER = {"frames", "image_width", "image_height"}


def _fields(schema: pa.Schema) -> list[tuple[str, str, bool]]:
    return [(field.name, str(field.type), field.nullable) for field in schema]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (tables.images_schema(_PROVENANCE), _IMAGES),
        (tables.faces_schema(_PROVENANCE), _FACES),
    ],
    ids=["images", "faces"],
)
def test_schema_is_the_contract(schema: pa.Schema, expected: list[tuple[str, Any, bool]]) -> None:
    assert _fields(schema) == [(name, str(kind), nullable) for name, kind, nullable in expected]


@pytest.mark.parametrize(
    ("make", "now"), [(tables.images_schema, _IMAGES), (tables.faces_schema, _FACES)]
)
def test_outputs_of_the_first_version_have_its_columns(make: Any, now: list[Any]) -> None:
    assert make(_PROVENANCE, 1).names == [name for name, *_ in now if name not in _LATER]


@pytest.mark.parametrize("make", [tables.images_schema, tables.faces_schema])
def test_metadata_says_how_rows_were_made(make: Any) -> None:
    metadata = {key.decode(): value.decode() for key, value in make(_PROVENANCE).metadata.items()}
    assert metadata["mtcnn_ray.config_digest"] == "abc123"
    assert json.loads(metadata["mtcnn_ray.model_digests"]) == {
        "pnet": "1",
        "rnet": "2",
        "onet": "3",
    }
    assert metadata["mtcnn_ray.schema_version"] == str(tables.SCHEMA_VERSION)
    assert "huggingface" in metadata


def test_metadata_does_not_depend_on_the_order_of_the_models() -> None:
    assert provenance("x", {"a": "1", "b": "2"}, 1) == provenance("x", {"b": "2", "a": "1"}, 1)


@pytest.mark.parametrize("make", [tables.images_schema, tables.faces_schema])
def test_hugging_face_knows_every_column(make: Any) -> None:
    datasets = pytest.importorskip("datasets")
    schema = make(_PROVENANCE)
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert list(features) == schema.names
    read = datasets.Features.from_dict(features)
    # What `datasets` makes of the features is what the file holds, but for the dictionary.
    for field in schema:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if field.name != "crop":
            found = read.arrow_schema.field(field.name).type
            # `datasets` names the items of a list in its own way.
            if pa.types.is_fixed_size_list(kind):
                found, kind = found.value_type, kind.value_type
            assert found == kind


def test_crop_is_an_image_to_hugging_face() -> None:
    metadata = tables.faces_schema(_PROVENANCE).metadata
    assert json.loads(metadata[b"huggingface"])["info"]["features"]["crop"] == {"_type": "Image"}


def test_crops_are_not_dictionary_encoded(tmp_path: Path) -> None:
    schema = tables.faces_schema(_PROVENANCE)
    row = {
        "key": "a",
        "uri": "b",
        "label": "c",
        "face_index": 0,
        "box": [0.0] * 4,
        "score": 1.0,
        "landmarks": [0.0] * 10,
        "kept": True,
        "matrix": [0.0] * 6,
        "sharpness": 1.0,
        "crop": {"bytes": b"1234", "path": None},
        "image_width": 4,
        "image_height": 3,
    }
    file = tmp_path / "faces.parquet"
    pq.write_table(
        pa.Table.from_pylist([row] * 3, schema), file, **tables.writer_options("faces", "zstd")
    )
    group = pq.ParquetFile(file).metadata.row_group(0)
    encoded = {
        column.path_in_schema: any("DICTIONARY" in name for name in column.encodings)
        for column in map(group.column, range(group.num_columns))
    }
    assert not encoded["crop.bytes"]
    assert encoded["label"]


@pytest.mark.parametrize("codec", ["zstd", "snappy", "lz4", "gzip", "none"])
@pytest.mark.parametrize("name", ["images", "faces"])
def test_every_codec_can_be_written(tmp_path: Path, name: str, codec: str) -> None:
    make = {"images": tables.images_schema, "faces": tables.faces_schema}[name]
    file = tmp_path / "part.parquet"
    with pq.ParquetWriter(file, make(_PROVENANCE), **tables.writer_options(name, codec)) as writer:
        writer.write_table(make(_PROVENANCE).empty_table())
    read = pq.read_schema(file)
    assert read.equals(make(_PROVENANCE))
    assert read.metadata == make(_PROVENANCE).metadata
