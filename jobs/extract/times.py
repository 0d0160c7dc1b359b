"""One worker, stage by stage: the job's own code, run on one photo after the other."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import pyarrow as pa

from jobs.engine.parts.part_writer import PartWriter
from jobs.extract.extractor import Extractor
from jobs.extract.job import ExtractJob
from jobs.kind.job_kind import SampleTimes
from jobs.members import Member
from jobs.messages.errors import UserError
from jobs.photos.sample import Pick, evenly, picks
from jobs.storage.storage import Storage
from jobs.storage.temporary import temporary_directory
from mtcnn_core.stopwatch import Stopwatch

STAGES = (
    "read",
    "decode",
    "pyramid",
    "ssd",
    "detector",
    "pnet",
    "rnet",
    "onet",
    "nms",
    "crop",
    "align",
    "encode",
    "write",
)
# Photos that `plan` takes its guess from.
_PHOTOS = 12
# Hashes, Arrow rows and the Python in between.
OTHER = "other"
_DECODED = frozenset({"ok", "no_face"})


@dataclass(frozen=True)
class PhotoTimes:
    """One photo on its way through a worker.

    Attributes:
        faces: Faces found in it.
        seconds: Stage -> seconds: those of `STAGES` and `OTHER`; their sum is the photo's time.
        bytes: Bytes of its file.
    """

    faces: int
    seconds: Mapping[str, float]
    bytes: int = 0

    @property
    def total(self) -> float:
        """Seconds from its file to its rows."""
        return sum(self.seconds.values())


@dataclass(frozen=True)
class WorkerTimes:
    """What one worker on one thread needs.

    Attributes:
        photos: Times of the photos that could be decoded, at least one.
        left_out: Status -> how many photos could not.
    """

    photos: Sequence[PhotoTimes]
    left_out: Mapping[str, int]

    @property
    def seconds(self) -> float:
        """Seconds that all photos took together."""
        return sum(photo.total for photo in self.photos)

    @property
    def bytes(self) -> int:
        """Bytes of the files of all photos together."""
        return sum(photo.bytes for photo in self.photos)

    @property
    def faces(self) -> int:
        """Faces found in all photos together."""
        return sum(photo.faces for photo in self.photos)


def time_sample(job: ExtractJob, members: Sequence[Member]) -> SampleTimes | None:
    """Times a worker on a few photos of some members; None if none of them can be decoded."""
    some = picks(evenly(members, _PHOTOS), _PHOTOS)
    try:
        with temporary_directory("mtcnn-ray-plan-") as folder:
            times = time_worker(job, some, some[:1], folder)
    except UserError:  # which is no reason not to plan
        return None
    count = len(times.photos)
    return SampleTimes(times.seconds / count, times.bytes / count if times.bytes else None)


def time_worker(
    job: ExtractJob, picks: Iterable[Pick], warm_up: Iterable[Pick], folder: str
) -> WorkerTimes:
    """Runs what a worker does with a shard, except that nothing runs ahead on threads.

    Args:
        job: The job.
        picks: Photos to time.
        warm_up: Processed before, up to the first that can be decoded.
        folder: Where the parts are written, a local path.

    Raises:
        UserError: None of the photos can be decoded.
    """
    stopwatch = Stopwatch()
    extractor = job.start(stopwatch)
    for rows in _photos(job, extractor, warm_up):
        if any(name == job.primary and _status(batch) in _DECODED for name, batch in rows):
            break
    photos: list[PhotoTimes] = []
    left_out: Counter[str] = Counter()
    with _writers(job, Storage(folder)) as writers:
        for status, photo in _times(_photos(job, extractor, picks), writers, stopwatch):
            if status in _DECODED:
                photos.append(photo)
            else:
                left_out[status] += 1
        began = time.perf_counter()
        for writer in writers.values():
            writer.publish()
        publish = time.perf_counter() - began
    if not photos:
        statuses = ", ".join(f"{count} {status}" for status, count in left_out.items())
        raise UserError(f"none of the photos can be decoded ({statuses}): give others")
    # Parts are flushed and published as a whole: every photo bears its part of that.
    return WorkerTimes(
        [_later(photo, "write", publish / len(photos)) for photo in photos], left_out
    )


def _photos(
    job: ExtractJob, extractor: Extractor, picks: Iterable[Pick]
) -> Iterator[list[tuple[str, pa.RecordBatch]]]:
    """The rows of one photo after the other; nothing is read while the consumer is busy."""
    for pick in picks:
        photos = pick.read(job.source, job.config.limits)
        # One at a time, as each is timed. A photo that is not there has no rows.
        while rows := list(extractor.rows(islice(photos, 1))):
            yield rows


def _times(
    photos: Iterator[list[tuple[str, pa.RecordBatch]]],
    writers: Mapping[str, PartWriter],
    stopwatch: Stopwatch,
) -> Iterator[tuple[str, PhotoTimes]]:
    """Writes the rows; what became of each photo, and its times."""
    while True:
        stopwatch.reset()
        began = time.perf_counter()
        rows = next(photos, None)
        if rows is None:
            return
        faces, status, size = 0, "", 0
        for name, batch in rows:
            with stopwatch("write"):
                writers[name].write(batch)
            if name == "faces":
                faces += batch.num_rows
            else:
                status, size = _status(batch), batch.column("bytes")[0].as_py() or 0
        total = time.perf_counter() - began
        seconds = {stage: stopwatch.seconds.get(stage, 0.0) for stage in STAGES}
        yield status, PhotoTimes(faces, {**seconds, OTHER: total - sum(seconds.values())}, size)


def _status(images: pa.RecordBatch) -> str:
    return str(images.column("status")[0].as_py())


def _later(photo: PhotoTimes, stage: str, seconds: float) -> PhotoTimes:
    return replace(photo, seconds={**photo.seconds, stage: photo.seconds[stage] + seconds})


@contextlib.contextmanager
def _writers(job: ExtractJob, storage: Storage) -> Iterator[dict[str, PartWriter]]:
    with contextlib.ExitStack() as stack:
        yield {
            name: stack.enter_context(
                PartWriter(
                    storage,
                    [f"{name}/part.parquet"],
                    schema,
                    job.row_group_bytes,
                    job.writer_options(name),
                )
            )
            for name, schema in job.schemas.items()
        }
