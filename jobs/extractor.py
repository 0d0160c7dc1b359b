"""What a worker of the job `extract` does with a shard: photos -> rows of both tables."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa

from jobs import tables
from jobs.engine.job import Notes
from jobs.engine.workers.ahead import work_ahead
from jobs.members import Member
from jobs.outcomes import FaceRows, Outcome
from jobs.sources import ReadError
from mtcnn_core.detectors import make_detector
from mtcnn_core.images.errors import ImageError
from mtcnn_core.images.photo import largest_shrink, read_photo
from mtcnn_core.settings.models import SSD
from mtcnn_core.stopwatch import Stopwatch
from mtcnn_core.weights import ONET, WeightsError

if TYPE_CHECKING:
    from jobs.extract import ExtractJob

# What the engine can decide about a photo, as status and reason.
_VERDICTS: Mapping[str, tuple[tables.Status, str]] = {
    "crashed": ("crashed", "the worker process died whenever it had this photo in hand"),
    "timeout": ("timeout", "it took longer than a photo may take, whenever it was tried"),
}

# Decoded photos that wait for the cascade. One is enough to keep it busy; the bound is for
# neighbours of very different sizes.
_AHEAD_PHOTOS = 2
_AHEAD_BYTES = 64 * 2**20
# Rows are handed on in batches of about so much.
_BATCH_BYTES = 4 * 2**20
_BATCH_ROWS = 512


class Extractor:
    """The job inside one worker process.

    Args:
        job: The job.
        stopwatch: Told the time spent in ``read``, ``decode``, ``align``, ``encode`` and the
            stages of the detector.
    """

    def __init__(self, job: ExtractJob, stopwatch: Stopwatch | None = None) -> None:
        """Loads the networks.

        Raises:
            WeightsError: They are not those of the driver.
        """
        self._source = job.source
        self._config = job.config
        self._schemas = job.schemas
        # The smallest face wanted still fills O-Net's input and its own crop.
        needed = max(ONET.side, job.config.crop.box_pixels)
        self._shrink = largest_shrink(job.config.detect.min_face, needed)
        self._time = stopwatch or Stopwatch()
        self._detector = make_detector(job.config.detect, job.weights, self._time)
        self._detecting = threading.Lock()
        if self._detector.digests != job.model_digests:
            raise WeightsError(_differing(self._detector.digests, job.model_digests))

    def process(
        self,
        members: Sequence[Member],
        notes: Notes,
        verdicts: Mapping[int, str],
        careful: bool,
    ) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yields the rows of one shard; see :class:`jobs.engine.job.Processor`."""
        if careful and not any(member.is_container for member in members):
            keys = [member.key for member in members]
            return self.rows(self._read_singly(members, verdicts), notes, verdicts, keys=keys)
        items = self._source.stream(members, self._config.limits.max_bytes)
        if any(member.is_container for member in members):
            items = (item for item in items if notes.wants(item[0].key))
        return self.rows(items, notes, verdicts, careful)

    def _read_singly(
        self, members: Sequence[Member], verdicts: Mapping[int, str]
    ) -> Iterator[tuple[Member, bytes | ReadError]]:
        """Reads one photo when it is asked for, and none that there is a verdict on."""
        for index, member in enumerate(members):
            if index in verdicts:
                yield member, b""
            else:
                yield from self._source.stream([member], self._config.limits.max_bytes)

    def rows(
        self,
        items: Iterator[tuple[Member, bytes | ReadError]],
        notes: Notes | None = None,
        verdicts: Mapping[int, str] = MappingProxyType({}),
        careful: bool = True,
        keys: Sequence[str] = (),
    ) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yields the rows of photos.

        Args:
            items: Each photo with its bytes, or with the reason why there are none.
            notes: See :class:`jobs.engine.job.Processor`, as for the next two.
            verdicts: What is decided already.
            careful: One photo after the other.
            keys: Of the photos, as far as they are known before they are read.
        """
        images: list[dict[str, Any]] = []
        faces = FaceRows(self._config.crop, self._schemas["faces"], self._time)
        decoded: Iterator[Outcome] = self._decoded(items, notes, verdicts, keys)
        if careful:
            seen = self._detected(decoded, 1)
        else:
            decoded = _ahead(decoded, _AHEAD_PHOTOS)
            # A thread of its own, so that crops, their encoding and writing do not stop it.
            seen = _ahead(self._detected(decoded, self._detector.device.photos), 1)
        for outcome in seen:
            faces.add(outcome)
            images.append(outcome.row())
            if len(faces) and (careful or faces.bytes >= _BATCH_BYTES):
                yield "faces", faces.take()
            if len(images) >= _BATCH_ROWS:
                yield "images", self._images(images)
                images = []
        if len(faces):
            yield "faces", faces.take()
        if images:
            yield "images", self._images(images)

    def _images(self, rows: list[dict[str, Any]]) -> pa.RecordBatch:
        return pa.RecordBatch.from_pylist(rows, schema=self._schemas["images"])

    def _decoded(
        self,
        items: Iterator[tuple[Member, bytes | ReadError]],
        notes: Notes | None,
        verdicts: Mapping[int, str],
        keys: Sequence[str],
    ) -> Iterator[Outcome]:
        """Reads and decodes photos, in order."""
        for index in count():
            if notes:
                notes.reading(index, keys[index] if index < len(keys) else None)
            with self._time("read"):
                # To its end here: an interrupt that hits the end of a forgotten generator is lost.
                member, data = next(items, (None, None))
            if member is None or data is None:
                return
            if index in verdicts:
                yield Outcome(member, *_VERDICTS[verdicts[index]])
                continue
            if notes:
                notes.begin(index, member.key)
            yield self._decode(member, data)

    def _decode(self, member: Member, data: bytes | ReadError) -> Outcome:
        if isinstance(data, ReadError):
            return Outcome(member, data.kind, data.message)
        outcome = Outcome(member, sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))
        try:
            with self._time("decode"):
                photo = read_photo(
                    data, limits=self._config.limits, name=member.key, shrink=self._shrink
                )
        except ImageError as error:
            outcome.status = cast(tables.Status, error.status)
            outcome.error = str(error)
            outcome.header = error.header
        else:
            outcome.header, outcome.pixels = photo.header, photo.pixels
        return outcome

    def _detected(self, decoded: Iterator[Outcome], photos: int) -> Iterator[Outcome]:
        """Finds the faces of photos, so many at once, in order."""
        for group in _groups(decoded, photos):
            self._detect(group)
            yield from group

    def _detect(self, group: Sequence[Outcome]) -> None:
        seen = [outcome for outcome in group if outcome.pixels is not None]
        images = [outcome.pixels for outcome in seen if outcome.pixels is not None]
        # A thread of a shard that was given up may still be at its last photo.
        with self._detecting:
            found = self._detector.detect_many(images, [outcome.size for outcome in seen])
        for outcome, faces in zip(seen, found, strict=True):
            outcome.faces = faces
            if len(faces):
                outcome.status = "ok"


def _ahead(outcomes: Iterator[Outcome], photos: int) -> Iterator[Outcome]:
    """The same, worked out on a thread."""
    return work_ahead(outcomes, size=_pixel_bytes, max_bytes=_AHEAD_BYTES, max_items=photos)


def _groups(outcomes: Iterator[Outcome], photos: int) -> Iterator[list[Outcome]]:
    """Outcomes in lists of so many, fewer where photos are large."""
    group: list[Outcome] = []
    for outcome in outcomes:
        group.append(outcome)
        if len(group) >= photos or sum(map(_pixel_bytes, group)) >= _AHEAD_BYTES:
            yield group
            group = []
    if group:
        yield group


def _differing(here: Mapping[str, str], driver: Mapping[str, str]) -> str:
    if here.get(SSD) != driver.get(SSD):
        return "this node has another detector than the driver: put the same model files on both"
    return "this node has other weights than the driver: install the same mtcnn-ray on both"


def _pixel_bytes(outcome: Outcome) -> int:
    return 0 if outcome.pixels is None else outcome.pixels.nbytes
