"""Parquet files as `datasets` loads them."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.export.formats.face import Batch, Face, Packed
from jobs.kind.schemas import with_features
from jobs.storage.digest import digest
from jobs.storage.storage import Storage

# Crops are compressed already, and none is like another.
_WRITTEN = {"compression": "none", "use_dictionary": False, "write_statistics": False}
# Rows that `datasets` streams at once, a few megabytes.
_GROUP = 1000
FOLDER = "data"


class HuggingFace:
    """`data/<split>-<number>.parquet` with columns `image`, `label`, `key` and `face_index`."""

    is_numbered = False
    tells_classes = True
    has_boxes = False

    def folder(self, split: str) -> str:
        """See :class:`~jobs.export.formats.face.Format`."""
        return FOLDER

    def place(self, batch: Batch, face: Face) -> str:
        """See :class:`~jobs.export.formats.face.Format`."""
        return _path(batch)

    def write(self, storage: Storage, batch: Batch) -> Packed:
        """See :class:`~jobs.export.formats.face.Format`."""
        path = _path(batch)
        rows = [
            {
                "image": {"bytes": face.crop, "path": face.file_name},
                "label": face.class_id,
                "key": face.key,
                "face_index": face.face_index,
            }
            for face in batch.faces
        ]
        table = pa.Table.from_pylist(rows, schema=_schema(batch.classes))
        with storage.spool(path) as spool:
            with storage.writing():
                pq.write_table(table, spool, row_group_size=_GROUP, **_WRITTEN)
            with spool.open("rb") as written:
                sha256, size = digest(written)
            storage.publish_file(spool, path)
        return Packed(path, size, sha256)


def _path(batch: Batch) -> str:
    return f"{FOLDER}/{batch.split}-{batch.number}.parquet"


def _schema(classes: Sequence[str]) -> pa.Schema:
    fields = [
        pa.field("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        pa.field("label", pa.int64()),
        pa.field("key", pa.string()),
        pa.field("face_index", pa.int16()),
    ]
    schema = with_features(fields, {}, images=["image"])
    told = json.loads(schema.metadata[b"huggingface"])
    told["info"]["features"]["label"] = {"names": list(classes), "_type": "ClassLabel"}
    return schema.with_metadata({"huggingface": json.dumps(told)})
