"""Image files in, upright RGB pixels or one typed error out."""

import re
import resource
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from mtcnn_core.images.errors import (
    ImageError,
    ImageHeader,
    ImageTooLarge,
    ImageTooSmall,
    UndecodableImage,
)
from mtcnn_core.images.photo import decode, read_photo
from mtcnn_core.settings.images import ImageLimits
from tests.mtcnn_core.images.pictures import LOSSLESS, LOSSY, encode, png, scene


@pytest.mark.parametrize("size", [(56, 40), (1, 1), (700, 900)])
def test_pixels_are_contiguous_and_the_callers_own(size: tuple[int, int]) -> None:
    pixels = decode(encode(scene(*size), "PNG"))
    np.testing.assert_array_equal(pixels, np.asarray(scene(*size)))
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous and pixels.flags.writeable


@pytest.mark.parametrize(("file_format", "options"), LOSSLESS + LOSSY)
def test_a_truncated_file_is_never_half_a_picture(
    file_format: str, options: dict[str, Any]
) -> None:
    data = encode(scene(), file_format, **options)
    whole = decode(data)
    for length in range(0, len(data), max(1, len(data) // 40)):
        try:
            pixels = decode(data[:length])
        except ImageError as error:
            assert length < 12 or isinstance(error, UndecodableImage), (length, error)
        else:
            np.testing.assert_array_equal(pixels, whole, err_msg=f"{length} of {len(data)} bytes")


def test_a_bomb_is_refused_without_allocating() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ImageTooLarge, match="60000x60000") as caught:
        read_photo(png(60000, 60000, 8, 2, b"\0"))
    assert caught.value.header == ImageHeader("PNG", 60000, 60000, None)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_our_pixel_limit_stands_in_for_pillows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 400_000)
    assert decode(encode(scene(1200, 800), "JPEG")).shape == (800, 1200, 3)


def test_pillows_own_limit_within_a_gif_is_too_large() -> None:
    data = bytearray(encode(scene(), "GIF"))
    at = data.index(b"\x2c\0\0\0\0" + struct.pack("<HH", 56, 40))
    data[at + 5 : at + 9] = struct.pack("<HH", 20000, 20000)
    with pytest.raises(ImageTooLarge):
        decode(bytes(data))


def test_the_pixel_limit_is_inclusive() -> None:
    data = encode(scene(), "PNG")
    assert decode(data, limits=ImageLimits(max_pixels=56 * 40)).size == 56 * 40 * 3
    with pytest.raises(ImageTooLarge, match="max_pixels"):
        decode(data, limits=ImageLimits(max_pixels=56 * 40 - 1))


def test_the_byte_limit_is_inclusive() -> None:
    data = encode(scene(), "PNG")
    assert decode(data, limits=ImageLimits(max_bytes=len(data))).size == 56 * 40 * 3
    with pytest.raises(ImageTooLarge, match="max_bytes"):
        decode(data, limits=ImageLimits(max_bytes=len(data) - 1))


def test_photos_have_a_smallest_side() -> None:
    assert read_photo(encode(scene(12, 30), "PNG")).header.width == 12
    with pytest.raises(ImageTooSmall, match="11x30") as caught:
        read_photo(encode(scene(11, 30), "PNG"))
    assert caught.value.header == ImageHeader("PNG", 11, 30, None)


def test_limits_reject_unknown_names_and_zero() -> None:
    with pytest.raises(ValidationError, match="max_pixel"):
        ImageLimits(max_pixel=10)  # type: ignore[call-arg]
    with pytest.raises(ValidationError, match="greater than 0"):
        ImageLimits(min_side=0)


def test_every_strange_file_is_a_photo_or_one_sentence(
    odd: Path,
    capfd: pytest.CaptureFixture[str],
    escaped_warnings: list[warnings.WarningMessage],
) -> None:
    wrong: list[str] = []
    statuses: dict[str, int] = {}
    for path in sorted(path for path in odd.rglob("*") if path.is_file()):
        try:
            photo = read_photo(path.read_bytes(), name=path.name)
        except ImageError as error:
            statuses[error.status] = statuses.get(error.status, 0) + 1
            if not re.fullmatch(r"[^\n/]{10,400}", str(error)) or " at 0x" in str(error):
                wrong.append(f"{path}: {error}")
        except Exception as error:
            wrong.append(f"{path}: {error!r}")
        else:
            statuses["photo"] = statuses.get("photo", 0) + 1
            if photo.pixels.shape != (photo.header.height, photo.header.width, 3):
                wrong.append(f"{path}: {photo.header} but {photo.pixels.shape}")
    assert not wrong
    assert statuses["photo"] > 290 and set(statuses) > {"undecodable", "too_large", "unsupported"}
    assert [str(each.message) for each in escaped_warnings] == []
    assert capfd.readouterr() == ("", "")


@settings(derandomize=True, deadline=None, max_examples=300, database=None)
@given(
    source=st.sampled_from([*LOSSLESS, *LOSSY]),
    edits=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    cut=st.one_of(st.none(), st.floats(0, 1)),
)
def test_mutated_files_are_photos_or_errors(
    source: tuple[str, dict[str, Any]], edits: list[tuple[float, int]], cut: float | None
) -> None:
    data = bytearray(encode(scene(), source[0], **source[1]))
    for where, value in edits:
        data[int(where**3 * len(data))] = value  # mostly in the header
    if cut is not None:
        del data[int(cut * len(data)) :]
    try:
        photo = read_photo(bytes(data), limits=ImageLimits(max_pixels=1_000_000))
    except ImageError as error:
        assert re.fullmatch(r"[^\n]{10,400}", str(error))
    else:
        assert photo.pixels.shape == (photo.header.height, photo.header.width, 3)
