"""What a worker of the job `embed` does with a shard: faces -> rows with vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pyarrow as pa

from jobs.embed.face_items import FaceItem, Lost, OpenPhoto
from jobs.embed.found_faces import FoundFaces, FoundShard
from jobs.embed.photos import Photos
from jobs.embed.vector_rows import VectorRows
from jobs.members import Member
from jobs.photos.read import Read
from jobs.upstream import Upstream
from mtcnn_core.embedding.embedder import Embedder
from mtcnn_core.settings.images import ImageLimits

# Why a face was not touched: status of the engine -> reason.
_FAILURES = {
    "crashed": "the worker process died whenever it had this face in hand",
    "timeout": "it took longer than a face may take, whenever it was tried",
}
_NO_PHOTO = Lost(
    "no_crop", "no photo is read, and the stored crop lacks pixels that the model sees"
)


class Vectorizer:
    """The job inside one worker process.

    Args:
        faces: The output of `extract`.
        photos: Its photos; None if none are to be read.
        embedder: Turns crops into vectors.
        schema: Schema of ``embeddings``.
    """

    def __init__(
        self, faces: Upstream, photos: Photos | None, embedder: Embedder, schema: pa.Schema
    ) -> None:
        self._faces = faces
        self._photos = photos
        self._embedder = embedder
        self._schema = schema

    def read(self, members: Sequence[Member]) -> Iterator[FaceItem]:
        """Yields the faces of shards of `extract`; see :class:`jobs.engine.job.Processor`."""
        for member in members:
            for photo in self._photos_of(member):
                found = photo.found
                for place, index in enumerate(found.indices):
                    name = f"{found.key}#{index}"
                    yield FaceItem(replace(member, key=name, label=found.label), photo, place)
                photo.close()

    def rows(self, items: Iterator[FaceItem]) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yields the rows of faces; see :class:`jobs.engine.job.Processor`."""
        rows = VectorRows(self._schema, self._embedder)
        for item in items:
            rows.add(item)
            if rows.is_full:
                yield "embeddings", rows.take()
        if len(rows):
            yield "embeddings", rows.take()

    def failed(self, member: Member, status: str) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yields the row of a face that is not touched."""
        rows = VectorRows(self._schema, self._embedder)
        rows.add_lost(member, Lost(status, _FAILURES[status]))
        yield "embeddings", rows.take()

    def _photos_of(self, member: Member) -> Iterator[OpenPhoto]:
        """The photos of a shard that have faces, each with its file."""
        shard = FoundShard(self._faces, member)
        found = shard.photos()
        limits = self._photos.limits if self._photos else ImageLimits()
        for each, file in self._with_files(found, shard):
            matrices = self._embedder.matrices(each.faces.boxes, each.faces.landmarks)
            size = self._embedder.model.size
            yield OpenPhoto(each, file, limits, matrices, size, shard.crop)

    def _with_files(
        self, found: Sequence[FoundFaces], shard: FoundShard
    ) -> Iterator[tuple[FoundFaces, Read | Lost | None]]:
        if self._photos is None:
            yield from ((each, _NO_PHOTO) for each in found)
            return
        places = {each.key: place for place, each in enumerate(found)}
        # A file of several pictures has keys of its own for them.
        wanted = [
            member for member in shard.planned() if member.is_container or member.key in places
        ]
        done = 0
        for file in self._photos.read(wanted):
            place = places.get(file.member.key, -1)
            if place < done:  # without faces
                continue
            yield from ((each, None) for each in found[done:place])
            yield found[place], file
            done = place + 1
        yield from ((each, None) for each in found[done:])
