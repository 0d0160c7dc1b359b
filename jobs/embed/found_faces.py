"""The faces of a shard of `extract`, photo by photo, and their stored crops."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from jobs.members import Member
from jobs.upstream import Upstream
from mtcnn_core.faces import Faces

TABLE = "faces"
_COLUMNS = (
    *("key", "label", "face_index", "box", "score", "landmarks", "matrix"),
    *("image_width", "image_height"),
)


@dataclass(frozen=True, eq=False)
class FoundFaces:
    """The faces of one photo, as `extract` has stored them.

    Attributes:
        key: Key of the photo.
        label: Its label.
        sha256: Digest of its file, hexadecimal; None if that is not known.
        size: ``(width, height)`` of the photo as displayed.
        faces: The faces, in pixels of the photo.
        indices: ``face_index`` of each.
        matrices: float32 ``(n, 2, 3)``, photo -> stored crop.
    """

    key: str
    label: str | None
    sha256: str | None
    size: tuple[int, int]
    faces: Faces
    indices: list[int]
    matrices: NDArray[np.float32]


class FoundShard:
    """What `extract` has found in the photos of one of its shards.

    Args:
        upstream: The output of `extract`.
        member: The shard.
    """

    def __init__(self, upstream: Upstream, member: Member) -> None:
        self._upstream = upstream
        self._member = member
        self._crops: dict[tuple[str, int], bytes | None] | None = None

    def photos(self) -> list[FoundFaces]:
        """The photos that have faces, in order."""
        images = {row["key"]: row for row in self._rows("images", ("key", "sha256", "num_faces"))}
        sizes = ("width", "height")
        tables = [pa.Table.from_batches([batch]) for batch in self._batches(TABLE, _COLUMNS)]
        if not tables:
            return []
        rows = pa.concat_tables(tables).combine_chunks()
        if "image_width" not in rows.schema.names:  # of version 1 of the tables
            of_images = {r["key"]: r for r in self._rows("images", ("key", *sizes))}
            found = [of_images[key] for key in rows.column("key").to_pylist()]
            for name in sizes:
                values = pa.array([row[name] for row in found], pa.int32())
                rows = rows.append_column(f"image_{name}", values)
        keys = rows.column("key").to_pylist()
        photos = []
        first = 0
        for key, faces in groupby(keys):
            count = len(list(faces))
            photos.append(_found(rows.slice(first, count), images[key]["sha256"]))
            first += count
        return photos

    def planned(self) -> list[Member]:
        """The members that the shard was made of, in order."""
        return self._upstream.planned(self._member.key)

    def crop(self, key: str, index: int) -> NDArray[np.uint8] | None:
        """The stored crop of a face, uint8 ``(h, w, 3)`` RGB; None if none is stored."""
        if self._crops is None:
            rows = self._rows(TABLE, ("key", "face_index", "crop"))
            self._crops = {
                (r["key"], r["face_index"]): (r["crop"] or {}).get("bytes") for r in rows
            }
        data = self._crops.get((key, index))
        if data is None:
            return None
        with Image.open(io.BytesIO(data)) as picture:
            return np.asarray(picture.convert("RGB"))

    def _rows(self, table: str, columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
        for batch in self._batches(table, columns):
            yield from batch.to_pylist()

    def _batches(self, table: str, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
        return self._upstream.rows(self._member, table, columns)


def _found(rows: pa.Table, sha256: str | None) -> FoundFaces:
    first = rows.slice(0, 1).to_pylist()[0]
    return FoundFaces(
        key=first["key"],
        label=first["label"],
        sha256=sha256,
        size=(first["image_width"], first["image_height"]),
        faces=Faces(
            _numbers(rows, "box", (4,)),
            rows.column("score").to_numpy(),
            _numbers(rows, "landmarks", (5, 2)),
        ),
        indices=rows.column("face_index").to_pylist(),
        matrices=_numbers(rows, "matrix", (2, 3)),
    )


def _numbers(rows: pa.Table, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    values = np.asarray(rows.column(name).combine_chunks().flatten(), np.float32)
    return values.reshape(-1, *shape)
