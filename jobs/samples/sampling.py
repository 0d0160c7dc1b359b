"""The job inside one worker process: photos become samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from jobs.engine.forgotten import Forgotten
from jobs.members import Member
from jobs.photos.ahead import work_ahead
from jobs.photos.decode import Decoded, Failure, decode
from jobs.photos.detect import MOST_BYTES
from jobs.photos.forgetting import unless_forgotten
from jobs.photos.frames import framed
from jobs.photos.read import Read, read
from jobs.sample_table import TABLE, batch_of
from jobs.samples.kind import HELD_OUT, NOT_ANNOTATED
from jobs.samples.schema import COUNTS
from jobs.sources.settings import FramesSetting
from jobs.sources.source import Source
from jobs.truth.faces import GroundTruth
from jobs.truth.held_out import is_held_out
from mtcnn_core.images.photo import largest_shrink
from mtcnn_core.samples.sampler import Sampled, Sampler
from mtcnn_core.samples.samples import IGNORE, Samples
from mtcnn_core.settings.images import ImageLimits
from mtcnn_core.weights import ONET

# Decoded photos that wait for the cascade; as for `extract`.
_AHEAD_PHOTOS = 2
# Samples are handed on in batches of about so many bytes.
_BATCH_BYTES = 8 * 2**20
_BATCH_ROWS = 512

_FAILURES: Mapping[str, Failure] = {
    "crashed": Failure("crashed", "the worker process died whenever it had this photo in hand"),
    "timeout": Failure("timeout", "it took longer than a photo may take, whenever it was tried"),
}


@dataclass(frozen=True, eq=False)
class _Taken:
    """A photo, what the ground truth calls it, and its samples."""

    photo: Decoded
    truth: str | None
    sampled: Sampled | None


class SampleMaker:
    """Photos -> rows of ``images`` and ``samples``.

    Args:
        source: Where the photos come from.
        truth: What is known of them.
        held_out: Share of the photos that no samples are made of.
        sampler: Makes the samples.
        min_face: Side in pixels of the smallest face that is looked for.
        limits: What is too large or too small to be decoded.
        schemas: Schemas of both tables.
        frames: Which pictures of a file with several are looked at.
    """

    def __init__(
        self,
        source: Source,
        truth: GroundTruth,
        held_out: float,
        sampler: Sampler,
        min_face: float,
        limits: ImageLimits,
        schemas: Mapping[str, pa.Schema],
        frames: FramesSetting,
    ) -> None:
        self._source = source
        self._truth = truth
        self._held_out = held_out
        self._names = truth.names
        self._sampler = sampler
        self._limits = limits
        self._schemas = schemas
        self._frames = frames
        self._forgotten = Forgotten()
        self._shrink = largest_shrink(min_face, ONET.side)

    def forget(self, forgotten: Forgotten) -> None:
        """Leaves out photos from now on; see :class:`jobs.engine.forgotten.Forgets`."""
        self._forgotten = forgotten

    def read(self, members: Sequence[Member]) -> Iterator[Read]:
        """Yields the photos of a shard; see :class:`jobs.engine.job.Processor`."""
        return framed(read(self._source, members, self._limits), self._frames, self._limits)

    def rows(self, items: Iterator[Read]) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yields the rows of photos; see :class:`jobs.engine.job.Processor`."""
        decoded = work_ahead(
            map(self._decoded, items),
            size=lambda pair: pair[0].pixel_bytes,
            max_bytes=MOST_BYTES,
            max_items=_AHEAD_PHOTOS,
        )
        return self._rows(map(self._taken, decoded))

    def failed(self, member: Member, status: str) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yields the row of a photo that is not touched."""
        photo = Decoded(member, failure=_FAILURES[status])
        return self._rows(iter([_Taken(photo, self._names.find(member.key), None)]))

    def _decoded(self, item: Read) -> tuple[Decoded, str | None]:
        name = self._names.find(item.member.key)
        if name is None or is_held_out(name, self._held_out):
            return Decoded(item.member), name
        photo = decode(item, self._limits, self._shrink)
        return unless_forgotten(photo, self._forgotten), name

    def _taken(self, pair: tuple[Decoded, str | None]) -> _Taken:
        photo, name = pair
        if name is None or photo.pixels is None:  # not annotated, held out, or not readable
            return _Taken(photo, name, None)
        faces = self._truth.faces[name]
        sampled = self._sampler.sample(photo.pixels, photo.size, faces, photo.member.key)
        return _Taken(photo, name, sampled)

    def _rows(self, photos: Iterator[_Taken]) -> Iterator[tuple[str, pa.RecordBatch]]:
        images: list[dict[str, Any]] = []
        pending: list[tuple[str, Samples]] = []
        held = 0
        for taken in photos:
            images.append(_image_row(taken))
            if taken.sampled is not None and len(taken.sampled.samples):
                pending.append((taken.photo.member.key, taken.sampled.samples))
                held += taken.sampled.samples.pixels.nbytes
            if held >= _BATCH_BYTES:
                yield TABLE, self._batch(pending)
                pending, held = [], 0
            if len(images) >= _BATCH_ROWS:
                yield "images", self._images(images)
                images = []
        if pending:
            yield TABLE, self._batch(pending)
        if images:
            yield "images", self._images(images)

    def _batch(self, photos: Sequence[tuple[str, Samples]]) -> pa.RecordBatch:
        keys = [key for key, samples in photos for _ in range(len(samples))]
        indices = np.concatenate([np.arange(len(samples), dtype=np.int32) for _, samples in photos])
        joined = Samples.joined([samples for _, samples in photos])
        return batch_of(joined, keys, indices, self._schemas[TABLE])

    def _images(self, rows: list[dict[str, Any]]) -> pa.RecordBatch:
        return pa.RecordBatch.from_pylist(rows, schema=self._schemas["images"])


def _image_row(taken: _Taken) -> dict[str, Any]:
    photo, sampled, failure = taken.photo, taken.sampled, taken.photo.failure
    counts = dict.fromkeys(COUNTS, 0)
    if sampled is not None:
        kinds = np.bincount(sampled.samples.kinds, minlength=IGNORE)[:IGNORE].tolist()
        told = (sampled.faces, sampled.ignored, sampled.unusable)
        lost = (sampled.doubtful, sampled.missed)
        counts = dict(zip(COUNTS, (*kinds, *told, *lost), strict=True))
    return {
        "key": photo.member.key,
        "uri": photo.member.uri,
        "truth": taken.truth,
        "sha256": photo.sha256,
        "bytes": photo.bytes,
        "width": photo.header.width if photo.header else None,
        "height": photo.header.height if photo.header else None,
        "status": _status(taken),
        "error": failure.error if failure else None,
        "num_samples": len(sampled.samples) if sampled else 0,
        **counts,
    }


def _status(taken: _Taken) -> str:
    if taken.photo.failure is not None:
        return taken.photo.failure.status
    if taken.sampled is None:
        return NOT_ANNOTATED if taken.truth is None else HELD_OUT
    return "ok" if taken.sampled.faces else "no_face"
