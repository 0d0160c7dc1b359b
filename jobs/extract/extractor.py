"""What a worker of the job `extract` does with a shard: photos -> rows of both tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from jobs.engine.forgotten import Forgotten
from jobs.extract.table_rows import FaceRows, image_row
from jobs.members import Member
from jobs.photos.ahead import work_ahead
from jobs.photos.decode import Decoded, Failure, decode
from jobs.photos.detect import MOST_BYTES, Finder, Found
from jobs.photos.forgetting import unless_forgotten
from jobs.photos.frames import framed
from jobs.photos.read import Read, read
from jobs.sources.settings import FramesSetting
from jobs.sources.source import Source
from mtcnn_core.detectors import Detector
from mtcnn_core.faces import Faces
from mtcnn_core.images.photo import largest_shrink
from mtcnn_core.settings.crops import CropSettings
from mtcnn_core.settings.images import ImageLimits
from mtcnn_core.stopwatch import Stopwatch
from mtcnn_core.weights import ONET

# Why a photo was not touched: status of the engine -> status and reason.
_FAILURES: Mapping[str, Failure] = {
    "crashed": Failure("crashed", "the worker process died whenever it had this photo in hand"),
    "timeout": Failure("timeout", "it took longer than a photo may take, whenever it was tried"),
}

# Decoded photos that wait for the detector. One is enough to keep it busy; the bound is for
# neighbours of very different sizes.
_AHEAD_PHOTOS = 2
# Rows are handed on in batches of about so much.
_BATCH_BYTES = 4 * 2**20
_BATCH_ROWS = 512


class Extractor:
    """The job inside one worker process.

    Args:
        source: Where the photos come from.
        detector: Finds the faces.
        crop: How faces are cropped and which are kept.
        limits: What is too large or too small to be decoded.
        schemas: Schemas of ``images`` and ``faces``.
        time: Told the time spent in ``read``, ``decode``, ``align`` and ``encode``.
        frames: Which pictures of a file with several are looked at.
        threads: Whether decoding and detecting run ahead on threads; else one photo is done before
            the next is read.
    """

    def __init__(
        self,
        source: Source,
        detector: Detector,
        crop: CropSettings,
        limits: ImageLimits,
        schemas: Mapping[str, pa.Schema],
        time: Stopwatch | None = None,
        frames: FramesSetting = "first",
        threads: bool = True,
    ) -> None:
        self._source = source
        self._finder = Finder(detector)
        self._crop = crop
        self._limits = limits
        self._schemas = schemas
        self._time = time or Stopwatch()
        self._frames = frames
        self._threads = threads
        self._forgotten = Forgotten()
        # The smallest face wanted still fills O-Net's input and its own crop.
        needed = max(ONET.side, crop.box_pixels)
        self._shrink = largest_shrink(detector.settings.min_face, needed)

    def forget(self, forgotten: Forgotten) -> None:
        """Leaves out photos and faces from now on; see :class:`jobs.engine.forgotten.Forgets`."""
        self._forgotten = forgotten

    def read(self, members: Sequence[Member]) -> Iterator[Read]:
        """Yields the photos of a shard; see :class:`jobs.engine.job.Processor`."""
        photos = read(self._source, members, self._limits)
        return framed(photos, self._frames, self._limits)

    def rows(self, items: Iterator[Read]) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yields the rows of photos; see :class:`jobs.engine.job.Processor`."""
        decoded = self._decoded(items)
        if not self._threads:
            return self._rows(self._finder.find(decoded))
        waiting = work_ahead(
            decoded, size=_pixel_bytes, max_bytes=MOST_BYTES, max_items=_AHEAD_PHOTOS
        )
        # A thread of its own, so that crops, their encoding and writing do not stop it.
        found = work_ahead(
            self._finder.find(waiting), size=_found_bytes, max_bytes=MOST_BYTES, max_items=1
        )
        return self._rows(found)

    def failed(self, member: Member, status: str) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yields the row of a photo that is not touched."""
        found = Found(Decoded(member, failure=_FAILURES[status]), Faces.empty())
        return self._rows(iter([found]))

    def _decoded(self, photos: Iterator[Read]) -> Iterator[Decoded]:
        while True:
            with self._time("read"):
                photo = next(photos, None)
            if photo is None:
                return
            decoded = decode(photo, self._limits, self._shrink, self._time)
            yield unless_forgotten(decoded, self._forgotten)

    def _rows(self, photos: Iterator[Found]) -> Iterator[tuple[str, pa.RecordBatch]]:
        images: list[dict[str, Any]] = []
        faces = FaceRows(self._crop, self._schemas["faces"], self._time)
        for found in photos:
            left_out = self._left_out(found.photo)
            faces.add(found, left_out)
            images.append(image_row(found, left_out))
            if faces.bytes >= _BATCH_BYTES:
                yield "faces", faces.take()
            if len(images) >= _BATCH_ROWS:
                yield "images", self._images(images)
                images = []
        if len(faces):
            yield "faces", faces.take()
        if images:
            yield "images", self._images(images)

    def _left_out(self, photo: Decoded) -> frozenset[int]:
        """Numbers of the faces that are to have no rows."""
        if not self._forgotten or photo.sha256 is None:
            return frozenset()
        return self._forgotten.left_out(photo.member.key, photo.sha256) or frozenset()

    def _images(self, rows: list[dict[str, Any]]) -> pa.RecordBatch:
        return pa.RecordBatch.from_pylist(rows, schema=self._schemas["images"])


def _pixel_bytes(photo: Decoded) -> int:
    return photo.pixel_bytes


def _found_bytes(found: Found) -> int:
    return found.photo.pixel_bytes
