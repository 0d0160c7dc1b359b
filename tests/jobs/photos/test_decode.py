"""The second stage: a photo's pixels, or why there are none."""

from __future__ import annotations

import gc
import hashlib
import io
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from jobs.members import Member
from jobs.photos.decode import Decoded, Failure, decode
from jobs.photos.read import Read
from jobs.sources.source import ReadError
from mtcnn_core.settings.images import ImageLimits
from mtcnn_core.stopwatch import Stopwatch

MEMBER = Member("people/a", "/in/people/a", 1, "v", "people")
LIMITS = ImageLimits(max_pixels=5000, max_bytes=100_000, min_side=12)


def encoded(
    width: int, height: int, kind: str = "PNG", orientation: int | None = None, **options: Any
) -> bytes:
    """A picture that is red on its left and green on its right."""
    picture = Image.new("RGB", (width, height), (255, 0, 0))
    picture.paste((0, 255, 0), (width // 2, 0, width, height))
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    data = io.BytesIO()
    picture.save(data, kind, exif=exif, **options)
    return data.getvalue()


def test_a_photo_is_its_pixels_and_what_its_file_says() -> None:
    data = encoded(60, 40)
    found = decode(Read(MEMBER, data), LIMITS)
    assert (found.member, found.failure) == (MEMBER, None)
    assert found.pixels is not None
    assert (found.pixels.shape, found.pixels.dtype) == ((40, 60, 3), np.uint8)
    assert found.pixels[0, 0].tolist() == [255, 0, 0]
    assert found.pixels[0, -1].tolist() == [0, 255, 0]
    assert (found.size, found.pixel_bytes) == ((60, 40), 40 * 60 * 3)
    assert found.header is not None
    assert (found.header.format, found.header.orientation) == ("PNG", None)
    assert (found.sha256, found.bytes) == (hashlib.sha256(data).hexdigest(), len(data))


def test_a_photo_is_upright() -> None:
    found = decode(Read(MEMBER, encoded(60, 40, orientation=6)), LIMITS)
    assert found.pixels is not None
    assert (found.size, found.pixels.shape) == ((40, 60), (60, 40, 3))
    assert found.pixels[0, 0].tolist() == [255, 0, 0]
    assert found.pixels[-1, 0].tolist() == [0, 255, 0]
    assert found.header is not None
    assert found.header.orientation == 6


@pytest.mark.parametrize(
    ("data", "status", "says", "size"),
    [
        pytest.param(b"", "undecodable", "empty", (0, 0), id="empty"),
        pytest.param(
            b"\xff\xd8\xff\xe0 and no more", "undecodable", "JPEG", (0, 0), id="no picture"
        ),
        pytest.param(
            encoded(60, 40, "JPEG")[:-20], "undecodable", "JPEG cannot", (60, 40), id="cut off"
        ),
        pytest.param(b"not a photo", "unsupported", "not a format that is read", (0, 0), id="text"),
        pytest.param(encoded(80, 70), "too_large", "80x70", (80, 70), id="too many pixels"),
        pytest.param(bytes(100_001), "too_large", "100001 bytes", (0, 0), id="too many bytes"),
        pytest.param(encoded(60, 11), "too_small", "60x11", (60, 11), id="too small"),
    ],
)
def test_a_file_without_pixels_has_the_reason(
    data: bytes, status: str, says: str, size: tuple[int, int]
) -> None:
    found = decode(Read(MEMBER, data), LIMITS)
    assert found.pixels is None
    assert found.pixel_bytes == 0
    assert found.failure is not None
    assert (found.failure.status, "\n" in found.failure.error) == (status, False)
    assert says in found.failure.error
    # As the decoder said it, for those who want it as an exception.
    assert found.failure.cause is not None
    assert str(found.failure.cause) == found.failure.error
    # What is known of the file is known all the same.
    assert found.size == size
    assert (found.sha256, found.bytes) == (hashlib.sha256(data).hexdigest(), len(data))


def test_the_name_of_a_file_tells_what_it_should_be() -> None:
    named = replace(MEMBER, key="people/a.jpg")
    found = decode(Read(named, b"not a photo"), LIMITS)
    assert found.failure is not None
    assert found.failure.status == "undecodable"
    assert "the name ends in .jpg" in found.failure.error


def test_a_photo_that_was_not_read_has_the_reason() -> None:
    found = decode(Read(MEMBER, ReadError("unreadable", "the disk said no")), LIMITS)
    assert found.failure == Failure("unreadable", "the disk said no")
    assert found.failure.cause is None
    assert (found.member, found.pixels, found.header) == (MEMBER, None, None)
    assert (found.sha256, found.bytes, found.size) == (None, None, (0, 0))


@pytest.mark.parametrize(("shrink", "side"), [(1, 64), (2, 32), (4, 16)])
def test_a_jpeg_may_be_reduced_and_keeps_the_size_of_the_photo(shrink: int, side: int) -> None:
    data = encoded(64, 64, "JPEG")
    found = decode(Read(MEMBER, data), LIMITS, shrink)
    assert found.pixels is not None
    assert (found.pixels.shape, found.size) == ((side, side, 3), (64, 64))


def test_decoding_is_timed_and_reading_is_not() -> None:
    time = Stopwatch()
    decode(Read(MEMBER, ReadError("unreadable", "no")), LIMITS, time=time)
    assert dict(time.seconds) == {}
    decode(Read(MEMBER, b"not a photo"), LIMITS, time=time)
    failed = time.seconds["decode"]
    decode(Read(MEMBER, encoded(60, 40)), LIMITS, time=time)
    assert 0 < failed < time.seconds["decode"]
    assert list(time.seconds) == ["decode"]


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Memory is freed where nothing refers to it any more, and not later."""
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()
        gc.enable()


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xff\xd8\xff\xe0", id="undecodable"),
        pytest.param(b"not a photo", id="unsupported"),
    ],
)
def test_a_photo_that_cannot_be_decoded_is_not_kept(data: bytes) -> None:
    size = 4_000_000

    def failed() -> Decoded:
        found = decode(Read(MEMBER, data + bytes(size)), ImageLimits())
        assert found.failure is not None
        return found

    failed()  # whatever is loaded once
    before, _ = tracemalloc.get_traced_memory()
    kept = [failed() for _ in range(5)]
    during, _ = tracemalloc.get_traced_memory()
    del kept
    after, _ = tracemalloc.get_traced_memory()
    # Neither as long as it is known that there was one, nor when that is forgotten.
    assert during - before < size
    assert after - before < size
