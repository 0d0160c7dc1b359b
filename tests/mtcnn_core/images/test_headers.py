"""Size and orientation as displayed, whatever the EXIF block is like."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mtcnn_core.images.errors import ImageHeader, ImageTooLarge
from mtcnn_core.images.photo import decode, read_photo
from mtcnn_core.settings.images import ImageLimits
from tests.mtcnn_core.images.pictures import (
    UPRIGHT,
    encode,
    exif_block,
    exif_entry,
    jpeg_with_exif,
    png_chunk,
    scene,
)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_is_applied(file_format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if file_format == "WEBP" else {}
    stored = decode(encode(scene(), file_format, **options))
    photo = read_photo(encode(scene(), file_format, exif=exif, **options))
    np.testing.assert_array_equal(photo.pixels, UPRIGHT[orientation](stored))
    assert photo.pixels.flags.c_contiguous
    height, width = photo.pixels.shape[:2]
    assert photo.header == ImageHeader(file_format, width, height, orientation)


@pytest.mark.parametrize("file_format", ["JPEG", "WEBP", "TIFF"])
def test_a_refused_image_reports_its_displayed_size(file_format: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    with pytest.raises(ImageTooLarge) as caught:
        decode(encode(scene(), file_format, exif=exif), limits=ImageLimits(max_pixels=100))
    assert caught.value.header == ImageHeader(file_format, 40, 56, 6)


def test_exif_after_the_pixels_of_a_png_counts() -> None:
    data = encode(scene(), "PNG")
    late = png_chunk(b"eXIf", exif_entry(0x0112, 3, 1, 6))
    photo = read_photo(data[:-12] + late + data[-12:])
    np.testing.assert_array_equal(photo.pixels, np.rot90(np.asarray(scene()), -1))


@pytest.mark.parametrize(
    "exif",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not a TIFF header", id="garbage"),
        pytest.param(b"II*\0\xff\xff\xff\x7f", id="directory outside"),
        pytest.param(
            exif_block(
                struct.pack("<HHII", 0x011A, 2, 1, 0),  # the resolution, as an empty text
                struct.pack("<HHII", 0x0128, 3, 1, 2),
            ),
            id="resolution as text",
        ),
        pytest.param(exif_entry(0x011A, 5, 1, 0xFFFF), id="value outside"),
        pytest.param(exif_entry(0x0112, 3, 1, 9), id="orientation 9"),
        pytest.param(exif_entry(0x0112, 3, 1, 0), id="orientation 0"),
        pytest.param(exif_entry(0x0112, 2, 4, 0x36363636), id="orientation as text"),
    ],
)
def test_broken_exif_does_not_cost_the_photo(exif: bytes) -> None:
    photo = read_photo(jpeg_with_exif(exif))
    np.testing.assert_array_equal(photo.pixels, decode(encode(scene(), "JPEG")))
    assert photo.header.orientation is None


@pytest.mark.parametrize("kind", ["Landscape", "Portrait"])
def test_the_published_orientation_photos_all_look_alike(odd: Path, kind: str) -> None:
    folder = odd / "exif_orientation"
    upright = decode((folder / f"{kind}_1.jpg").read_bytes()).astype(int)
    for orientation in range(2, 9):
        turned = read_photo((folder / f"{kind}_{orientation}.jpg").read_bytes())
        assert turned.header.orientation == orientation
        assert np.abs(turned.pixels - upright).mean() < 8, orientation
