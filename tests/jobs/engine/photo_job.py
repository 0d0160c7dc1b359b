"""A small job with photos and faces: each line of a file is a face, its text is the crop."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from jobs.engine.parts.row_names import named_by
from jobs.members import Member
from tests.jobs.engine.stand_in import File, list_folder

FACE = pa.struct([("key", pa.string()), ("face_index", pa.int16())])
PHOTOS = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("uri", pa.string(), nullable=False),
        pa.field("sha256", pa.string()),
        pa.field("status", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("num_faces", pa.int32(), nullable=False),
    ]
)
FACES = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("face_index", pa.int16(), nullable=False),
        pa.field("crop", pa.binary()),
        pa.field("evidence", pa.list_(FACE)),
    ]
)
VECTORS = named_by(
    pa.schema(
        [
            pa.field("key", pa.string(), nullable=False),
            pa.field("face_index", pa.int16(), nullable=False),
            pa.field("status", pa.dictionary(pa.int32(), pa.string()), nullable=False),
            pa.field("vector", pa.list_(pa.float32(), 4)),
        ]
    ),
    ("key", "face_index"),
)
# Every face names this one.
STAR = {"key": "star.txt", "face_index": 1}


@dataclass(frozen=True)
class PhotoJob:
    primary: str = "photos"
    failed_statuses: frozenset[str] = frozenset({"unreadable", "crashed"})
    row_group_bytes: int = 2000
    schemas: Mapping[str, pa.Schema] = field(
        default_factory=lambda: {"photos": PHOTOS, "faces": FACES}
    )

    def writer_options(self, name: str) -> dict[str, Any]:
        return {"compression": "zstd", "use_dictionary": ["status"] if name == "photos" else False}

    def start(self) -> PhotoProcessor:
        return PhotoProcessor()


class PhotoProcessor:
    def read(self, members: Sequence[Member]) -> Iterator[File]:
        for member in members:
            yield File(member, Path(member.uri).read_bytes())

    def rows(self, items: Iterator[File]) -> Iterator[tuple[str, pa.RecordBatch]]:
        for item in items:
            key, data = item.member.key, item.data or b""
            crops = data.splitlines()
            yield (
                "faces",
                pa.RecordBatch.from_pylist(
                    [
                        {"key": key, "face_index": number, "crop": crop, "evidence": [STAR, STAR]}
                        for number, crop in enumerate(crops)
                    ],
                    schema=FACES,
                ),
            )
            yield "photos", photo(item.member, "ok", data, len(crops))

    def failed(self, member: Member, status: str) -> Iterator[tuple[str, pa.RecordBatch]]:
        yield "photos", photo(member, status, None, 0)


def photo(member: Member, status: str, data: bytes | None, faces: int) -> pa.RecordBatch:
    """A row of `photos`."""
    row = {
        "key": member.key,
        "uri": member.uri,
        "sha256": None if data is None else hashlib.sha256(data).hexdigest(),
        "status": status,
        "num_faces": faces,
    }
    return pa.RecordBatch.from_pylist([row], schema=PHOTOS)


@dataclass(frozen=True)
class VectorJob(PhotoJob):
    """A job whose items are faces; its members are folders of files."""

    primary: str = "vectors"
    schemas: Mapping[str, pa.Schema] = field(default_factory=lambda: {"vectors": VECTORS})

    def writer_options(self, name: str) -> dict[str, Any]:
        return {"compression": "zstd", "use_dictionary": ["status"]}

    def start(self) -> Any:
        return VectorProcessor()


class VectorProcessor:
    def read(self, members: Sequence[Member]) -> Iterator[File]:
        for member in members:
            for file in list_folder(Path(member.uri)):
                for number, line in enumerate(Path(file.uri).read_bytes().splitlines()):
                    yield File(Member(f"{file.key}#{number}", file.uri, None, "", None), line)

    def rows(self, items: Iterator[File]) -> Iterator[tuple[str, pa.RecordBatch]]:
        for item in items:
            yield "vectors", vector(item.member.key, "ok", vector_of(item.data or b""))

    def failed(self, member: Member, status: str) -> Iterator[tuple[str, pa.RecordBatch]]:
        yield "vectors", vector(member.key, status, None)


def vector_of(line: bytes) -> list[float]:
    """What a face becomes."""
    return [float(number) for number in hashlib.sha256(line).digest()[:4]]


def vector(name: str, status: str, values: list[float] | None) -> pa.RecordBatch:
    """A row of `vectors`."""
    key, _, number = name.rpartition("#")
    row = {"key": key, "face_index": int(number), "status": status, "vector": values}
    return pa.RecordBatch.from_pylist([row], schema=VECTORS)
