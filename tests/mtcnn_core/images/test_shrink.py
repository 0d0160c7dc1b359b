"""JPEGs decoded at a fraction of their size."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mtcnn_core.images.errors import ImageHeader, ImageTooLarge, ImageTooSmall, UndecodableImage
from mtcnn_core.images.photo import decode, largest_shrink, read_photo
from mtcnn_core.settings.images import ImageLimits
from tests.mtcnn_core.images.pictures import LOSSLESS, UPRIGHT, encode, scene


@pytest.mark.parametrize("shrink", [1, 2, 4, 8])
@pytest.mark.parametrize("size", [(64, 48), (63, 49), (65, 12), (13, 200)])
def test_sides_are_rounded_up_and_the_header_is_of_the_full_size(
    size: tuple[int, int], shrink: int
) -> None:
    photo = read_photo(encode(scene(*size), "JPEG"), shrink=shrink)
    assert photo.pixels.shape == (math.ceil(size[1] / shrink), math.ceil(size[0] / shrink), 3)
    assert photo.header == ImageHeader("JPEG", *size, None)
    assert photo.pixels.flags.c_contiguous and photo.pixels.flags.writeable


@pytest.mark.parametrize("shrink", [2, 4, 8])
def test_no_side_is_shrunk_to_less_than_asked(shrink: int) -> None:
    for width in range(1, 40):
        data = encode(scene(width, 30), "JPEG")
        pixels = read_photo(data, limits=ImageLimits(min_side=1), shrink=shrink).pixels
        assert pixels.shape[1] >= width / shrink, width
        assert pixels.shape[0] >= 30 / shrink, width


@pytest.mark.parametrize("shrink", [2, 4, 8])
@pytest.mark.parametrize("orientation", [1, 6, 3, 8])
def test_pixels_cover_the_picture_from_edge_to_edge(
    orientation: int, shrink: int, rng: np.random.Generator
) -> None:
    # A ramp over 241 pixels, one more than whole blocks; its noise averages the rounding out.
    ramp = 0.9 * (np.arange(241) + 0.5)
    shown = np.floor(ramp + rng.random((241, 241)))[..., None].astype(np.uint8)
    stored = UPRIGHT[{6: 8, 8: 6}.get(orientation, orientation)](shown)[..., 0]
    exif = Image.Exif()
    exif[0x0112] = orientation
    grey = Image.fromarray(np.ascontiguousarray(stored))
    pixels = read_photo(encode(grey, "JPEG", quality=100, exif=exif), shrink=shrink).pixels
    columns = pixels.shape[1]
    expected = 0.9 * (np.arange(columns) + 0.5) * 241 / columns
    difference = (pixels[..., 0].mean(0) - expected)[2:-2]
    # The scaled DCT ripples about a ramp; the mean of a third does not.
    for third in np.array_split(difference, 3):
        assert abs(third.mean()) < 0.3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_to_what_was_shrunk(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = read_photo(encode(scene(57, 41), "JPEG"), shrink=4).pixels
    photo = read_photo(encode(scene(57, 41), "JPEG", exif=exif), shrink=4)
    np.testing.assert_array_equal(photo.pixels, UPRIGHT[orientation](stored))
    width, height = (41, 57) if orientation >= 5 else (57, 41)
    assert photo.header == ImageHeader("JPEG", width, height, orientation)


@pytest.mark.parametrize("shrink", [2, 4, 8])
@pytest.mark.parametrize(
    ("mode", "file_format", "options"),
    [
        ("L", "JPEG", {}),
        ("CMYK", "JPEG", {}),
        ("RGB", "JPEG", {"subsampling": "4:2:0"}),
        ("RGB", "JPEG", {"subsampling": "4:2:2"}),
        ("RGB", "JPEG", {"subsampling": "4:4:4"}),
        ("RGB", "JPEG", {"progressive": True}),
        ("RGB", "MPO", {}),
    ],
)
def test_every_kind_of_jpeg_is_the_full_picture_in_small(
    mode: str, file_format: str, options: dict[str, Any], shrink: int
) -> None:
    data = encode(scene(192, 128).convert(mode), file_format, **options)
    full = np.asarray(Image.fromarray(decode(data)).reduce(shrink)).astype(int)
    pixels = read_photo(data, shrink=shrink).pixels
    assert np.abs(pixels - full).mean() < 2.5


@pytest.mark.parametrize(("file_format", "options"), [*LOSSLESS, ("WEBP", {}), ("GIF", {})])
def test_other_formats_keep_their_size(file_format: str, options: dict[str, Any]) -> None:
    data = encode(scene(), file_format, **options)
    np.testing.assert_array_equal(read_photo(data, shrink=8).pixels, decode(data))


def test_the_pixel_limit_is_for_the_full_size() -> None:
    limits = ImageLimits(max_pixels=56 * 40 - 1)
    with pytest.raises(ImageTooLarge, match="56x40") as caught:
        read_photo(encode(scene(), "JPEG"), limits=limits, shrink=8)
    assert caught.value.header == ImageHeader("JPEG", 56, 40, None)


def test_the_smallest_side_is_of_the_full_size() -> None:
    assert read_photo(encode(scene(96, 12), "JPEG"), shrink=4).pixels.shape == (3, 24, 3)
    with pytest.raises(ImageTooSmall, match="96x11"):
        read_photo(encode(scene(96, 11), "JPEG"), shrink=4)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_truncated_jpeg_is_undecodable_at_every_size(progressive: bool) -> None:
    data = encode(scene(256, 192), "JPEG", progressive=progressive)
    for length in range(3, len(data) - 2, len(data) // 20):
        with pytest.raises(UndecodableImage):
            read_photo(data[:length], shrink=4)


@pytest.mark.parametrize("shrink", [-1, 0, 3, 16])
def test_other_fractions_are_refused(shrink: int) -> None:
    with pytest.raises(ValueError, match=rf"\(1, 2, 4, 8\), not {shrink}$"):
        read_photo(encode(scene(), "JPEG"), shrink=shrink)


@pytest.mark.parametrize(
    ("min_face", "needed", "shrink"),
    [
        (20, 48, 1),
        (95.9, 48, 1),
        (96, 48, 2),
        (191.9, 48, 2),
        (192, 48, 4),
        (400, 128, 2),
        (384, 48, 8),
        (10_000, 48, 8),
    ],
)
def test_the_largest_shrink_leaves_the_pixels_needed(
    min_face: float, needed: float, shrink: int
) -> None:
    assert largest_shrink(min_face, needed) == shrink


@settings(derandomize=True, deadline=None, max_examples=200, database=None)
@given(
    width=st.integers(1, 120),
    height=st.integers(1, 120),
    shrink=st.sampled_from([2, 4, 8]),
    orientation=st.integers(1, 8),
)
def test_any_size_is_read(width: int, height: int, shrink: int, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(scene(width, height), "JPEG", exif=exif)
    photo = read_photo(data, limits=ImageLimits(min_side=1), shrink=shrink)
    factors = (photo.header.height, photo.header.width) / np.array(photo.pixels.shape[:2])
    assert (factors <= shrink).all()
