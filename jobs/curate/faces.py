"""The faces of a dataset and their vectors, read into columns that belong together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from jobs.finished import Finished
from jobs.messages.errors import UserError
from mtcnn_core.crops.alignment import centrality

Floats = NDArray[np.float32]
Hashes = NDArray[np.uint64]

_FRAME = re.compile(r"#([0-9]+)$")
# Odd numbers that spread the bits of what they are multiplied with.
_SPREAD = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)

Advance = Callable[[int], None]


@dataclass(frozen=True, eq=False)
class Vectors:
    """The rows of an output of `embed`, in their order.

    Attributes:
        keys: Keys of the photos, large_string ``(n,)``.
        face_index: int16 ``(n,)``.
        labels: string ``(n,)``, or null.
        embeddings: float32 ``(n, d)`` of length 1; zeros where there is none.
        has_vector: bool ``(n,)``.
        quality: float32 ``(n,)``; NaN where it is not known.
        phash: uint64 ``(n, 4)``; zeros where there is none.
    """

    keys: pa.Array
    face_index: NDArray[np.int16]
    labels: pa.ChunkedArray
    embeddings: Floats
    has_vector: NDArray[np.bool_]
    quality: Floats
    phash: Hashes

    def __len__(self) -> int:
        return len(self.face_index)


@dataclass(frozen=True, eq=False)
class Photos:
    """What the tables of `extract` say of each face, in the order of the faces.

    Attributes:
        photo: int64 ``(n,)``: number of the photo.
        centrality: float32 ``(n,)``, see `mtcnn_core.crops.alignment.centrality`.
        content: uint64 ``(n, 2)``: hash of the photo's bytes and the face's box; zeros where the
            photo's digest is not known.
    """

    photo: NDArray[np.int64]
    centrality: Floats
    content: Hashes


def read_vectors(upstream: Finished, advance: Advance = lambda rows: None) -> Vectors:
    """Reads an output of `embed`; in memory is hardly more than what is returned.

    Args:
        upstream: The output.
        advance: Told how many rows were read.

    Raises:
        UserError: A file of it cannot be read.
    """
    dataset = upstream.dataset
    count = dataset.rows.get("embeddings", 0)
    dimensions = dataset.schema("embeddings").field("embedding").type.list_size
    embeddings = np.zeros((count, dimensions), np.float32)
    has_vector = np.zeros(count, np.bool_)
    quality = np.full(count, np.nan, np.float32)
    phash = np.zeros((count, 32), np.uint8)
    face_index = np.zeros(count, np.int16)
    keys, labels = [], []
    start = 0
    names = ["key", "face_index", "label", "status", "embedding", "quality", "phash"]
    for batch in dataset.batches("embeddings", names):
        stop = start + batch.num_rows
        vectors = batch.column("embedding")
        there = _valid(vectors)
        flat = vectors.drop_null().flatten().to_numpy(zero_copy_only=False)
        embeddings[start:stop][there] = flat.reshape(-1, dimensions)
        is_ok = pc.equal(batch.column("status").cast(pa.string()), "ok")
        has_vector[start:stop] = there & is_ok.to_numpy(zero_copy_only=False)
        quality[start:stop] = _floats(batch.column("quality"))
        hashes = batch.column("phash")
        phash[start:stop][_valid(hashes)] = _bytes(hashes.drop_null())
        face_index[start:stop] = batch.column("face_index").to_numpy()
        keys.append(batch.column("key").cast(pa.large_string()))
        labels.append(batch.column("label"))
        start = stop
        advance(batch.num_rows)
    return Vectors(
        _joined(keys),
        face_index,
        pa.chunked_array(labels, pa.string()),
        embeddings,
        has_vector,
        quality,
        phash.view(np.uint64),
    )


def read_photos(
    upstream: Finished, vectors: Vectors, advance: Advance = lambda rows: None
) -> Photos:
    """Reads of an output of `extract` what is needed besides the vectors of its faces.

    Args:
        upstream: The output.
        vectors: The vectors, a row for each row of `faces`.
        advance: Told how many rows were read.

    Raises:
        UserError: The vectors are those of other faces, or a file cannot be read.
    """
    dataset = upstream.dataset
    wanted = ["key", "sha256", "width", "height", "num_faces", "frames"]
    names = [name for name in wanted if name in dataset.schema("images").names]
    images = dataset.read("images", names).combine_chunks()
    counts = images["num_faces"].to_numpy()
    photo = np.repeat(np.arange(len(counts)), counts)
    if len(photo) != len(vectors):
        raise other_faces(upstream.address)
    sizes = np.column_stack([_floats(images["width"]), _floats(images["height"])])
    known, digests = _digests(images["sha256"])
    frames = _frames(images)
    weights = np.zeros(len(photo), np.float32)
    content = np.zeros((len(photo), 2), np.uint64)
    for start, batch in _starts(dataset.batches("faces", ["key", "face_index", "box"])):
        stop = start + batch.num_rows
        rows, photos = slice(start, stop), photo[start:stop]
        _check_same(upstream.address, batch, vectors, rows)
        boxes = batch.column("box").flatten().to_numpy().reshape(-1, 4)
        weights[rows] = centrality(boxes, sizes[photos])
        content[rows] = _mixed(digests[photos], boxes, frames[photos]) * known[photos, None]
        advance(batch.num_rows)
    return Photos(photo, weights, content)


def other_faces(faces: str) -> UserError:
    """The error for vectors that are not those of a dataset's faces."""
    return UserError(
        f"the vectors are not those of the faces in '{faces}': name the dataset that they were "
        "made of, or run 'mtcnn-ray embed' on this one"
    )


def _check_same(address: str, batch: pa.RecordBatch, vectors: Vectors, rows: slice) -> None:
    keys = vectors.keys[rows]
    same_index = np.array_equal(batch.column("face_index").to_numpy(), vectors.face_index[rows])
    if not same_index or not keys.equals(batch.column("key").cast(pa.large_string())):
        raise other_faces(address)


def _starts(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Batches, each with the number of rows before it."""
    start = 0
    for batch in batches:
        yield start, batch
        start += batch.num_rows


def _digests(column: pa.ChunkedArray) -> tuple[Hashes, Hashes]:
    """Whether each photo's digest is known, as 0 or 1; and the first 128 bits of it."""
    known = ~np.asarray(column.is_null())
    text = "".join(column.drop_null().to_pylist())
    digests = np.zeros((len(known), 2), np.uint64)
    digests[known] = np.frombuffer(bytes.fromhex(text), np.uint64).reshape(-1, 4)[:, :2]
    return known.astype(np.uint64), digests


def _frames(images: pa.Table) -> NDArray[np.uint64]:
    """Number of the picture within its file, of files with several; 0 for others."""
    frames = np.zeros(images.num_rows, np.uint64)
    if "frames" in images.column_names:
        several = pc.fill_null(pc.greater(images["frames"], 1), False)
        for row in np.flatnonzero(np.asarray(several)).tolist():
            match = _FRAME.search(images["key"][row].as_py())
            frames[row] = int(match[1]) % 2**63 if match else 0
    return frames


def _mixed(digests: Hashes, boxes: Floats, frames: NDArray[np.uint64]) -> Hashes:
    """A hash of each photo's digest, its frame and a box in it."""
    low, high = np.ascontiguousarray(boxes, np.float32).view(np.uint64).T
    a, b, c = _SPREAD
    mixed = np.column_stack([low * a + high * b + frames * c, low * b + high * c + frames * a])
    result: Hashes = digests ^ mixed ^ (mixed >> np.uint64(29))
    return result


def _floats(column: pa.Array | pa.ChunkedArray) -> Floats:
    """Numbers as float32, NaN where there is none."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    filled = pc.fill_null(column.cast(pa.float32()), float("nan"))
    return np.asarray(filled.to_numpy(zero_copy_only=False), np.float32)


def _valid(column: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(column.is_valid().to_numpy(zero_copy_only=False), np.bool_)


def _bytes(column: pa.Array) -> NDArray[np.uint8]:
    """Fixed-size bytes without nulls, uint8 ``(n, size)``."""
    size = column.type.byte_width
    data = np.frombuffer(column.buffers()[1] or b"", np.uint8)
    start = column.offset * size
    return data[start : start + len(column) * size].reshape(-1, size)


def _joined(arrays: list[pa.Array]) -> pa.Array:
    return pa.concat_arrays(arrays) if arrays else pa.array([], pa.large_string())
