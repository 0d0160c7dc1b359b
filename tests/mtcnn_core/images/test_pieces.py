"""How many pieces a file may come in, and what does not count as one."""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress

import pytest
from PIL import Image

from mtcnn_core.images.errors import ImageTooLarge, UndecodableImage
from mtcnn_core.images.photo import decode
from tests.mtcnn_core.images.hostile import (
    gif_with,
    jpeg_of_scans,
    jpeg_segment,
    jpeg_with,
    png_with,
    tiff,
)
from tests.mtcnn_core.images.pictures import encode, jpeg_with_exif, png_chunk, scene

_EXIF = jpeg_segment(0xE1, b"Exif\0\0")


def _j2k_layers(layers: int) -> bytes:
    data = encode(scene(), "JPEG2000", no_jp2=True)
    at = data.index(b"\xff\x52") + 6
    return data[:at] + struct.pack(">H", layers) + data[at + 2 :]


def _j2k_precincts(side: int) -> bytes:
    # OpenJPEG halves the side with every resolution, down to 2.
    return encode(scene(256, 256), "JPEG2000", precinct_size=(side, side), codeblock_size=(16, 16))


def _j2k_tiles(count: int) -> bytes:
    return encode(scene(count, 1), "JPEG2000", tile_size=(1, 1), num_resolutions=1)


@pytest.mark.parametrize(
    ("build", "most", "too_many"),
    [
        pytest.param(lambda n: jpeg_of_scans(n, 64), 100, 101, id="JPEG scans"),
        pytest.param(lambda n: jpeg_with(_EXIF * n), 64, 65, id="JPEG EXIF segments"),
        pytest.param(lambda n: jpeg_with(b"\xff\xe5\0\2" * n), 4_990, 5_001, id="JPEG segments"),
        pytest.param(
            lambda n: png_with(png_chunk(b"abCd", b"") * (n - 1)), 1_000, 1_001, id="PNG chunks"
        ),
        pytest.param(
            lambda n: gif_with(b"!\xfe" + b"\1x" * n + b"\0"), 99_990, 100_001, id="GIF blocks"
        ),
        pytest.param(lambda n: tiff(16, n, count=n), 100_000, 100_001, id="TIFF strips"),
        pytest.param(_j2k_tiles, 4_096, 4_097, id="JPEG 2000 tiles"),
        pytest.param(_j2k_layers, 64, 65, id="JPEG 2000 layers"),
        pytest.param(_j2k_precincts, 64, 32, id="JPEG 2000 precincts"),
    ],
)
def test_the_most_that_is_read(build: Callable[[int], bytes], most: int, too_many: int) -> None:
    assert decode(build(most)).size
    with pytest.raises(ImageTooLarge, match="convert it"):
        decode(build(too_many))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(encode(scene(), "JPEG") + b"\xff\xda" * 500, id="bytes after the picture"),
        pytest.param(
            jpeg_with_exif(encode(scene(), "JPEG", progressive=True)[:-2] + b"\xff\xda" * 500),
            id="a preview",
        ),
        pytest.param(
            encode(scene(), "JPEG") + encode(scene(), "JPEG", progressive=True) * 20,
            id="more pictures",
        ),
    ],
)
def test_only_the_scans_of_the_picture_itself_count(data: bytes) -> None:
    assert data.count(b"\xff\xda") > 100
    assert decode(data).shape == (40, 56, 3)


def test_frames_of_an_animated_png_do_not_count() -> None:
    frames = [Image.new("RGB", (56, 40), (i % 256, i // 256, 0)) for i in range(1_100)]
    data = encode(scene(), "PNG", save_all=True, append_images=frames)
    assert decode(data).shape == (40, 56, 3)


def test_a_segment_of_a_wrong_marker_hides_nothing() -> None:
    # Pillow goes on after the two bytes of JPG0; one that trusted a length there would not look.
    data = jpeg_with(b"\xff\xf0\xff\xff" + _EXIF * 2_000)
    with pytest.raises(ImageTooLarge, match="EXIF"):
        decode(data)


def test_the_header_of_a_tile_is_looked_at() -> None:
    data = encode(scene(), "JPEG2000", no_jp2=True)
    at = data.index(b"\xff\x90")
    coding = jpeg_segment(0x52, b"\0\0\xff\xff\0\5\4\4\0\1")
    (length,) = struct.unpack_from(">I", data, at + 6)
    part = data[at : at + 6] + struct.pack(">I", length + len(coding)) + data[at + 10 : at + 12]
    with pytest.raises(ImageTooLarge, match="layers"):
        decode(data[:at] + part + coding + data[at + 12 :])


@pytest.mark.parametrize("part", [0, 1, 2, 12, 13, 0xFFFFFFFF])
def test_a_tile_of_any_length_is_passed_over(part: int) -> None:
    data = bytearray(encode(scene(), "JPEG2000", no_jp2=True))
    at = data.index(b"\xff\x90")
    data[at + 6 : at + 10] = struct.pack(">I", part)
    with suppress(UndecodableImage):
        assert decode(bytes(data)).shape == (40, 56, 3)
