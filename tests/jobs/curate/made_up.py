"""Made-up outputs of `extract` and `embed`, committed by the engine, without photos and models."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from jobs.curate.kind import CURATE
from jobs.dataset import open_dataset
from jobs.embed.schema import embeddings_schema
from jobs.engine.driver.run import run
from jobs.engine.driver.summary import Summary
from jobs.engine.identity import Identity
from jobs.engine.settings import RunSettings, ShardSizes
from jobs.extract.schema import faces_schema, images_schema
from jobs.kind.figures import Figures
from jobs.kind.loading import load
from jobs.kind.run import run_job
from jobs.kind.schemas import EMBEDDING_MODEL
from jobs.members import Member, Origin
from jobs.sources.inputs import recorded
from jobs.upstream import Upstream

WIDTH = 32
# Of a crop, in pixels.
SIDE = 16
# The section `crop` of the job that would have made the faces.
CROP = {"mode": "similarity", "size": SIDE, "format": "jpeg"}


@dataclass(frozen=True)
class Face:
    """A made-up face.

    Attributes:
        person: Whose it is.
        draw: Which of the faces of that person, so that equal ones have equal vectors.
        status: Why there is no vector, or "ok".
        side: Side of its box in pixels, in the middle of the photo but for `offset`.
        offset: Distance of its centre from the photo's, in pixels.
        is_kept: Whether it is kept by the policy of `extract`.
    """

    person: str
    draw: int = 0
    status: str = "ok"
    side: float = 40.0
    offset: float = 0.0
    is_kept: bool = True

    @property
    def vector(self) -> np.ndarray:
        """Faces of a person have a cosine of about 0.97, those of two about 0."""
        middle = _normal(self.person)
        noise = _normal(f"{self.person}/{self.draw}")
        vector = middle + 0.18 * noise
        return (vector / np.linalg.norm(vector)).astype(np.float32)

    @property
    def crop(self) -> bytes:
        """A picture of a few pixels, of no two faces the same."""
        seed = int.from_bytes(self.phash[:8], "big")
        pixels = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        return bytes(cv2.imencode(".jpg", pixels)[1])

    @property
    def phash(self) -> bytes:
        return hashlib.sha256(f"{self.person}/{self.draw}".encode()).digest()


def _normal(name: str) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    vector = np.random.default_rng(seed).normal(size=WIDTH)
    return vector / np.linalg.norm(vector)


@dataclass(frozen=True)
class Photo:
    """A made-up photo.

    Attributes:
        key: Its key.
        label: Its label.
        faces: Faces in it.
        content: Stands for its bytes; its key by default.
        frames: Pictures in its file.
    """

    key: str
    label: str | None
    faces: tuple[Face, ...]
    content: str = ""
    frames: int = 1

    @property
    def sha256(self) -> str:
        return hashlib.sha256((self.content or self.key).encode()).hexdigest()


def people(count: int, photos: int, prefix: str = "p") -> list[Photo]:
    """So many persons with so many photos each, every face under the right label."""
    return [
        Photo(f"{prefix}{p:03d}/{d}.jpg", f"{prefix}{p:03d}", (Face(f"{prefix}{p}", d),))
        for p in range(count)
        for d in range(photos)
    ]


@dataclass(frozen=True)
class MadeUpFaces:
    """The job `extract` on made-up photos: each is a member, its version its content."""

    photos: Mapping[str, Photo]
    primary: str = "images"
    failed_statuses: frozenset[str] = frozenset({"crashed"})
    row_group_bytes: int = 4000
    schemas: Mapping[str, pa.Schema] = field(
        default_factory=lambda: {"images": images_schema({}), "faces": faces_schema({})}
    )

    def writer_options(self, name: str) -> dict[str, Any]:
        return {"compression": "zstd"}

    def start(self) -> MadeUpFaces:
        return self

    def read(self, members: Sequence[Member]) -> Iterator[_Item]:
        return (_Item(member) for member in members)

    def rows(self, items: Iterator[_Item]) -> Iterator[tuple[str, pa.RecordBatch]]:
        for item in items:
            photo = self.photos[item.member.key]
            image = {
                "key": photo.key,
                "uri": photo.key,
                "label": photo.label,
                "sha256": photo.sha256,
                "bytes": 1,
                "width": 200,
                "height": 200,
                "orientation": 1,
                "status": "ok" if photo.faces else "no_face",
                "num_faces": len(photo.faces),
                "frames": photo.frames,
            }
            rows = [_face_row(photo, index, face) for index, face in enumerate(photo.faces)]
            yield "images", pa.RecordBatch.from_pylist([image], schema=self.schemas["images"])
            yield "faces", pa.RecordBatch.from_pylist(rows, schema=self.schemas["faces"])

    def failed(self, member: Member, status: str) -> Iterator[tuple[str, pa.RecordBatch]]:
        raise AssertionError(member, status)


def _face_row(photo: Photo, index: int, face: Face) -> dict[str, Any]:
    low, high = 100 + face.offset - face.side / 2, 100 + face.offset + face.side / 2
    return {
        "key": photo.key,
        "uri": photo.key,
        "label": photo.label,
        "face_index": index,
        "box": [low, low, high, high],
        "score": 1 - index / 100,
        "landmarks": [0.0] * 10,
        "kept": face.is_kept,
        "matrix": [0.0] * 6,
        "sharpness": 1.0,
        "crop": {"bytes": face.crop, "path": f"{index}.jpg"},
        "image_width": 200,
        "image_height": 200,
    }


@dataclass(frozen=True)
class _Item:
    member: Member


@dataclass(frozen=True)
class MadeUpVectors:
    """The job `embed` on those."""

    upstream: Upstream
    photos: Mapping[str, Photo]
    primary: str = "embeddings"
    failed_statuses: frozenset[str] = frozenset({"crashed"})
    row_group_bytes: int = 4000
    model: str = "dlib"
    digest: str = "d" * 64
    width: int = WIDTH

    @property
    def schemas(self) -> Mapping[str, pa.Schema]:
        about = {"name": self.model, "digest": self.digest, "width": self.width}
        metadata = {EMBEDDING_MODEL: json.dumps({**about, "template": "dlib150"})}
        return {"embeddings": embeddings_schema(self.width, "float32", metadata)}

    def writer_options(self, name: str) -> dict[str, Any]:
        return {"compression": "zstd"}

    def start(self) -> MadeUpVectors:
        return self

    def read(self, members: Sequence[Member]) -> Iterator[_Row]:
        for member in members:
            for batch in self.upstream.rows(member, "faces", ["key", "face_index"]):
                for row in batch.to_pylist():
                    name = f"{row['key']}#{row['face_index']}"
                    yield _Row(replace(member, key=name), row["key"], row["face_index"])

    def rows(self, items: Iterator[_Row]) -> Iterator[tuple[str, pa.RecordBatch]]:
        for item in items:
            photo = self.photos[item.key]
            face = photo.faces[item.index]
            is_ok = face.status == "ok"
            row = {
                "key": item.key,
                "face_index": item.index,
                "label": photo.label,
                "status": face.status,
                "embedding": face.vector if is_ok else None,
                "norm": 1.0 if is_ok else None,
                "quality": face.side if is_ok else None,
                "phash": face.phash if is_ok else None,
            }
            yield "embeddings", pa.RecordBatch.from_pylist([row], schema=self.schemas["embeddings"])

    def failed(self, member: Member, status: str) -> Iterator[tuple[str, pa.RecordBatch]]:
        raise AssertionError(member, status)


@dataclass(frozen=True)
class _Row:
    member: Member
    key: str
    index: int


SETTINGS = RunSettings(
    workers=1,
    changed="redo",
    gone="drop",
    min_free_bytes=0,
    shards=ShardSizes(first=8, step=1000, max_members=8),
)


SETS = ("run.shards.first=8", "run.shards.max_members=8", "run.min_free_bytes=0")


def make_faces(output: Path, photos: Sequence[Photo]) -> None:
    """Commits an output of `extract`, or what is new or changed of it."""
    job = MadeUpFaces({photo.key: photo for photo in photos})
    identity = Identity(
        {"crop": CROP, "output": {"row_group_bytes": 4000}},
        "faces",
        {"mtcnn": "m"},
        input="photos",
        job="extract",
        schema=2,
    )
    members = [
        Member(p.key, p.key, 1, hashlib.sha256(repr(p).encode()).hexdigest(), None) for p in photos
    ]
    run(job, lambda: members, str(output), SETTINGS, identity)


def make_vectors(
    output: Path, faces: Path, photos: Sequence[Photo], model: str = "dlib", digest: str = "d" * 64
) -> None:
    """Commits the vectors of such an output, or what is new or changed of them."""
    upstream = Upstream(recorded(str(faces)), {}, "extract")
    by_key = {photo.key: photo for photo in photos}
    job = MadeUpVectors(upstream, by_key, model=model, digest=digest)
    identity = Identity(
        {},
        "vectors",
        {"embedding": digest},
        input=recorded(str(faces)),
        job="embed",
        upstream={"faces": upstream.digest},
    )
    inputs = [Origin(recorded(str(faces)))]
    members = list(upstream.members("faces"))
    run(job, lambda: members, str(output), SETTINGS, identity, inputs=inputs)


def make_both(folder: Path, photos: Sequence[Photo]) -> tuple[Path, Path]:
    """Commits faces and vectors below a folder; to be called again when photos have changed."""
    faces, vectors = folder / "faces", folder / "vectors"
    make_faces(faces, photos)
    make_vectors(vectors, faces, photos)
    return faces, vectors


@dataclass
class Curated:
    """Made-up faces and vectors, and the verdicts on them, each in a folder of its own.

    Attributes:
        folder: What faces and vectors lie in.
        output: Where the verdicts are.
        name: What the folder of the vectors is called.
        shown: The figures that the last run has shown, by name.
    """

    folder: Path
    output: Path
    name: str = "vectors"
    shown: dict[str, Figures] = field(default_factory=dict)

    @property
    def faces(self) -> Path:
        return self.folder / "faces"

    @property
    def vectors(self) -> Path:
        return self.folder / self.name

    def make(self, photos: Sequence[Photo]) -> None:
        """Makes faces and vectors, or what is new or changed of them."""
        make_both(self.folder, photos)

    def other(self, name: str, photos: Sequence[Photo], **model: str) -> Path:
        """Makes the vectors of other faces."""
        folder = self.folder / name
        make_faces(folder / "faces", photos)
        make_vectors(folder / "vectors", folder / "faces", photos, **model)
        return folder / "vectors"

    def config(self, *sets: str, **settings: object) -> Any:
        said = {f"curate.{name}": value for name, value in settings.items()}
        said.setdefault("curate.faces", str(self.faces))
        return load(CURATE.config, None, said, [*SETS, *sets])

    def run(self, *sets: str, **settings: object) -> Summary:
        """Runs `curate`."""
        self.shown = {}

        def show(figures: Figures) -> None:
            self.shown[figures.name] = figures

        config = self.config(*sets, **settings)
        return run_job(CURATE, str(self.vectors), str(self.output), config, show)

    def rows(self) -> dict[str, dict[str, Any]]:
        """Name of a face -> its row."""
        table = open_dataset(str(self.output)).read("verdicts")
        return {f"{row['key']}#{row['face_index']}": row for row in table.to_pylist()}

    def verdicts(self) -> dict[str, tuple[str, str | None]]:
        """Name of a face -> verdict and identity, of those that are not kept with their label."""
        return {
            name: (row["status"], row["identity"])
            for name, row in self.rows().items()
            if row["status"] != "keep" or row["identity"] != row["label"]
        }
