"""The third stage: the faces of a photo."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from jobs.photos.decode import Decoded
from jobs.photos.statuses import Status
from mtcnn_core.detectors import Detector
from mtcnn_core.faces import Faces

# Photos that are detected on together hold no more than this.
MOST_BYTES = 64 * 2**20


@dataclass(frozen=True, eq=False)
class Found:
    """A photo that was looked at, or that there is nothing to see of.

    Attributes:
        photo: What was decoded.
        faces: What was found in it.
    """

    photo: Decoded
    faces: Faces

    @property
    def status(self) -> Status:
        """What became of the photo."""
        if self.photo.failure is not None:
            return self.photo.failure.status
        return "ok" if len(self.faces) else "no_face"


class Finder:
    """Finds the faces of photos, as many at once as the detector's device likes.

    Args:
        detector: Finds them.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._detecting = threading.Lock()

    def find(self, photos: Iterable[Decoded]) -> Iterator[Found]:
        """Yields photos with their faces, in order."""
        for group in _groups(photos, self._detector.device.photos):
            yield from self._find(group)

    def _find(self, group: Sequence[Decoded]) -> list[Found]:
        seen = [photo for photo in group if photo.pixels is not None]
        images = [photo.pixels for photo in seen if photo.pixels is not None]
        # A thread of a shard that was given up may still be at its last photo.
        with self._detecting:
            found = iter(self._detector.detect_many(images, [photo.size for photo in seen]))
        return [
            Found(photo, Faces.empty() if photo.pixels is None else next(found)) for photo in group
        ]


def _groups(photos: Iterable[Decoded], most: int) -> Iterator[list[Decoded]]:
    """Photos in lists of so many, fewer where they are large."""
    group: list[Decoded] = []
    for photo in photos:
        group.append(photo)
        if len(group) >= most or sum(each.pixel_bytes for each in group) >= MOST_BYTES:
            yield group
            group = []
    if group:
        yield group
