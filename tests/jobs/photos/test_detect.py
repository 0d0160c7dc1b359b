"""The third stage: the faces of photos, as many at once as the device likes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.members import Member
from jobs.photos import detect as detect_module
from jobs.photos.decode import Decoded, Failure
from jobs.photos.detect import Finder, Found
from mtcnn_core.cascade.detector import FaceDetector
from mtcnn_core.detectors import Detector
from mtcnn_core.faces import Faces
from mtcnn_core.images.errors import ImageHeader
from mtcnn_core.settings.detector import DetectorSettings

Images = Sequence[NDArray[np.uint8]]
BROKEN = Failure("undecodable", "it is broken")


def photo(name: str, value: int = 0, side: int = 10, failure: Failure | None = None) -> Decoded:
    """A photo all of whose pixels are a value; it is one of twice the size, reduced."""
    header = ImageHeader("PNG", 2 * side, 2 * side, None)
    pixels = None if failure else np.full((side, side, 3), value, np.uint8)
    return Decoded(Member(name, f"/{name}", 1, "", None), pixels, failure, header)


def faces(count: int) -> Faces:
    return Faces(
        np.zeros((count, 4), np.float32),
        np.linspace(1, 0.5, count, dtype=np.float32),
        np.zeros((count, 5, 2), np.float32),
    )


class FakeDetector:
    """Finds as many faces as the first pixel says.

    Args:
        photos: As many as it likes at once.

    Attributes:
        calls: The first pixels of the photos and their sizes, by call.
    """

    def __init__(self, photos: int) -> None:
        self.device = replace(FaceDetector(DetectorSettings()).device, photos=photos)
        self.calls: list[list[tuple[int, Any]]] = []

    def detect_many(self, images: Images, sizes: Sequence[Any]) -> list[Faces]:
        values = [int(image[0, 0, 0]) for image in images]
        self.calls.append(list(zip(values, sizes, strict=True)))
        return list(map(faces, values))


def finder(detector: FakeDetector) -> Finder:
    return Finder(cast(Detector, detector))


def of_photos(calls: list[list[tuple[int, Any]]]) -> list[list[int]]:
    return [[value for value, _ in call] for call in calls]


def test_status_tells_what_became_of_a_photo() -> None:
    assert Found(photo("a"), faces(2)).status == "ok"
    assert Found(photo("a"), Faces.empty()).status == "no_face"
    assert Found(photo("a", failure=BROKEN), Faces.empty()).status == "undecodable"


def test_every_photo_comes_with_its_own_faces() -> None:
    photos = [photo(name, value) for name, value in zip("abcde", (2, 0, 1, 3, 0), strict=True)]
    for at_once in (1, 2, 3, 9):
        found = list(finder(FakeDetector(at_once)).find(photos))
        assert [each.photo for each in found] == photos
        assert [len(each.faces) for each in found] == [2, 0, 1, 3, 0]


@pytest.mark.parametrize("at_once", [1, 2, 3, 9])
def test_photos_without_pixels_are_passed_over_in_their_place(at_once: int) -> None:
    photos = [
        photo("a", failure=BROKEN),
        photo("b", 2),
        photo("c", failure=BROKEN),
        photo("d", failure=BROKEN),
        photo("e", 1),
        photo("f", failure=BROKEN),
    ]
    detector = FakeDetector(at_once)
    found = list(finder(detector).find(photos))
    assert [each.photo for each in found] == photos
    assert [len(each.faces) for each in found] == [0, 2, 0, 0, 1, 0]
    assert [each.status for each in found] == [
        *("undecodable", "ok", "undecodable"),
        *("undecodable", "ok", "undecodable"),
    ]
    assert [value for call in of_photos(detector.calls) for value in call] == [2, 1]


def test_the_detector_knows_the_size_of_the_photo_before_it_was_reduced() -> None:
    detector = FakeDetector(1)
    list(finder(detector).find([photo("a", side=10), photo("b", side=30)]))
    assert detector.calls == [[(0, (20, 20))], [(0, (60, 60))]]


def test_as_many_photos_at_once_as_the_device_likes() -> None:
    detector = FakeDetector(3)
    list(finder(detector).find(photo(str(value), value) for value in range(7)))
    assert of_photos(detector.calls) == [[0, 1, 2], [3, 4, 5], [6]]


def test_large_photos_are_fewer_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detect_module, "MOST_BYTES", 1000)
    detector = FakeDetector(9)
    sides = (10, 10, 10, 10, 20, 10)  # of 300 bytes each, and 1200
    list(finder(detector).find(photo("a", value, side) for value, side in enumerate(sides)))
    assert of_photos(detector.calls) == [[0, 1, 2, 3], [4], [5]]


def test_no_more_photos_are_asked_for_than_are_looked_at_together() -> None:
    asked: list[int] = []

    def photos() -> Iterator[Decoded]:
        for value in range(6):
            asked.append(value)
            yield photo(str(value), value)

    found = finder(FakeDetector(2)).find(photos())
    next(found)
    assert asked == [0, 1]


def test_nothing_is_found_in_nothing() -> None:
    detector = FakeDetector(2)
    assert list(finder(detector).find([])) == []
    assert detector.calls == []


def test_one_thread_at_a_time_has_the_detector() -> None:
    """A thread of a shard that was given up may still be at its last photo."""
    inside, most = 0, 0

    class SlowDetector(FakeDetector):
        def detect_many(self, images: Images, sizes: Sequence[Any]) -> list[Faces]:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            time.sleep(0.02)
            inside -= 1
            return super().detect_many(images, sizes)

    shared = finder(SlowDetector(1))
    threads = [
        threading.Thread(target=lambda: list(shared.find([photo("a"), photo("b")])))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_a_real_detector_finds_nothing_in_photos_without_pixels() -> None:
    real = Finder(FaceDetector(DetectorSettings()))
    [found] = real.find([photo("a", failure=BROKEN)])
    assert (found.status, len(found.faces)) == ("undecodable", 0)
