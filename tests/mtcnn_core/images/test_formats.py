"""What is read as an image, by its first bytes, and what is not."""

from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from mtcnn_core.images.errors import ImageError, ImageHeader, UndecodableImage, UnsupportedImage
from mtcnn_core.images.photo import decode, read_photo
from tests.mtcnn_core.images.pictures import LOSSLESS, LOSSY, encode, scene


@pytest.mark.parametrize(("file_format", "options"), LOSSLESS)
def test_lossless_formats_give_the_exact_pixels(file_format: str, options: dict[str, Any]) -> None:
    photo = read_photo(encode(scene(), file_format, **options))
    np.testing.assert_array_equal(photo.pixels, np.asarray(scene()))
    assert photo.header == ImageHeader(file_format, 56, 40, None)


@pytest.mark.parametrize(("file_format", "options"), LOSSY)
def test_lossy_formats_give_rgb_in_that_order(file_format: str, options: dict[str, Any]) -> None:
    pixels = decode(encode(scene(), file_format, **options))
    assert np.abs(pixels.astype(int) - np.asarray(scene())).mean() < 12


def test_avif_is_read_where_pillow_has_it() -> None:
    pytest.importorskip("PIL.AvifImagePlugin", reason="Pillow before 11.3 has no AVIF")
    if not features.check("avif"):
        pytest.skip("this Pillow was built without AVIF")
    photo = read_photo(encode(scene(), "AVIF"))
    assert np.abs(photo.pixels.astype(int) - np.asarray(scene())).mean() < 12
    assert photo.header.format == "AVIF"


@pytest.mark.parametrize(
    ("file_format", "options"),
    [("GIF", {}), ("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {}), ("MPO", {})],
)
def test_the_first_picture_of_several(file_format: str, options: dict[str, Any]) -> None:
    first, second = Image.new("RGB", (32, 24), "red"), Image.new("RGB", (32, 24), "blue")
    data = encode(first, file_format, save_all=True, append_images=[second], **options)
    np.testing.assert_allclose(decode(data).mean((0, 1)), [255, 0, 0], atol=2)


def test_an_mpo_with_a_broken_index_is_a_jpeg() -> None:
    data = encode(scene(), "MPO", save_all=True, append_images=[scene()])
    at = data.index(b"MPF\0") + 4
    photo = read_photo(data[:at] + b"\xff" * 24 + data[at + 24 :])
    assert photo.header.format == "JPEG"


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        pytest.param(b"", "", UndecodableImage, id="empty"),
        pytest.param(b"\xff\xd8\xff\xe0 and no more", "", UndecodableImage, id="damaged JPEG"),
        pytest.param(b"<html>404</html>", "a/b.JPEG", UndecodableImage, id="named like an image"),
        pytest.param(b"<html>404</html>", "a/b.html", UnsupportedImage, id="named otherwise"),
        pytest.param(b"<html>404</html>", "", UnsupportedImage, id="no name"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n", "x.eps", UnsupportedImage, id="EPS"),
        pytest.param(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "", UnsupportedImage, id="HEIC"),
    ],
)
def test_damaged_or_not_an_image(data: bytes, name: str, kind: type[ImageError]) -> None:
    with pytest.raises(ImageError) as caught:
        read_photo(data, name=name)
    assert type(caught.value) is kind


@pytest.mark.parametrize("file_format", ["EPS", "ICO", "TGA", "PCX", "DDS"])
def test_what_pillow_reads_beyond_the_list_is_unsupported(file_format: str) -> None:
    with pytest.raises(UnsupportedImage):
        decode(encode(scene(), file_format))
