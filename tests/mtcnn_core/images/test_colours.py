"""Every kind of pixel as the RGB that a viewer shows."""

import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mtcnn_core.images.errors import ImageHeader, UnsupportedImage
from mtcnn_core.images.photo import decode
from tests.mtcnn_core.images.pictures import encode, grey16, grey_tiff, png, png_chunk, scene


@pytest.mark.parametrize(
    ("mode", "file_format"), [("LA", "PNG"), ("RGBA", "PNG"), ("RGBA", "WEBP"), ("RGBA", "TIFF")]
)
def test_transparency_is_laid_over_white(mode: str, file_format: str) -> None:
    layer = Image.new("RGBA", (24, 16), (90, 90, 90, 255))
    layer.paste((0, 0, 0, 0), (12, 0, 24, 16))
    pixels = decode(encode(layer.convert(mode), file_format))
    np.testing.assert_allclose(pixels[:, :12], 90, atol=2)
    np.testing.assert_array_equal(pixels[:, 12:], 255)


def test_a_palette_with_an_alpha_channel_is_laid_over_white() -> None:
    image = Image.new("PA", (24, 16), (1, 255))
    image.putpalette([0, 0, 0, 9, 99, 199])
    image.paste((1, 0), (12, 0, 24, 16))
    pixels = decode(encode(image, "TIFF"))
    assert pixels[0, 0].tolist() == [9, 99, 199]
    assert pixels[0, 20].tolist() == [255, 255, 255]


def test_half_transparent_pixels_mix_with_white() -> None:
    pixels = decode(encode(Image.new("RGBA", (20, 20), (0, 100, 255, 128)), "PNG"))
    np.testing.assert_allclose(pixels[0, 0], [127, 177, 255], atol=1)


@pytest.mark.parametrize("file_format", ["PNG", "GIF"])
def test_a_transparent_palette_colour_is_white(file_format: str) -> None:
    image = Image.new("P", (20, 20), 1)
    image.putpalette([0, 0, 0, 9, 99, 199])
    image.paste(0, (0, 0, 20, 10))
    pixels = decode(encode(image, file_format, transparency=0))
    np.testing.assert_array_equal(pixels[:10], 255)
    np.testing.assert_array_equal(pixels[10:], np.broadcast_to([9, 99, 199], (10, 20, 3)))


def test_a_transparent_rgb_colour_is_white() -> None:
    image = Image.new("RGB", (20, 20), (9, 99, 199))
    image.paste((1, 2, 3), (0, 0, 20, 10))
    pixels = decode(encode(image, "PNG", transparency=(1, 2, 3)))
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert pixels[19, 0].tolist() == [9, 99, 199]


@pytest.mark.parametrize("mode", ["1", "L"])
def test_grey_fills_three_channels(mode: str) -> None:
    grey = scene().convert(mode)
    expected = np.repeat(np.asarray(grey.convert("L"))[..., None], 3, axis=-1)
    np.testing.assert_array_equal(decode(encode(grey, "PNG")), expected)


@pytest.mark.parametrize("file_format", ["JPEG", "TIFF"])
def test_cmyk_has_the_colours_it_was_made_from(file_format: str) -> None:
    pixels = decode(encode(scene().convert("CMYK"), file_format))
    assert np.abs(pixels.astype(int) - np.asarray(scene())).mean() < 6


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "JPEG2000"])
def test_16_bit_grey_is_scaled_and_not_clipped(file_format: str) -> None:
    pixels = decode(encode(Image.fromarray(grey16()), file_format))
    np.testing.assert_array_equal(pixels[..., 0], grey16() >> 8)


def test_16_bit_pgm_is_scaled_and_not_clipped() -> None:
    pixels = decode(b"P5 64 64 65535\n" + grey16().astype(">u2").tobytes())
    np.testing.assert_array_equal(pixels[..., 0], grey16() >> 8)


def test_16_bit_rgb_png_keeps_the_high_byte() -> None:
    samples = np.repeat(grey16()[..., None], 3, axis=-1).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in samples)
    np.testing.assert_array_equal(decode(png(64, 64, 16, 2, rows))[..., 1], grey16() >> 8)


def test_a_transparent_16_bit_grey_is_white() -> None:
    rows = b"".join(b"\0" + row.tobytes() for row in grey16().astype(">u2"))
    transparent = png_chunk(b"tRNS", struct.pack(">H", grey16()[1, 0]))
    pixels = decode(png(64, 64, 16, 0, rows, transparent))
    assert pixels[1, 0].tolist() == [255, 255, 255]
    assert pixels[1, 1].tolist() == [grey16()[1, 1] >> 8] * 3


def test_12_bit_tiff_uses_the_whole_range() -> None:
    values = np.arange(4096).reshape(64, 64)
    np.testing.assert_array_equal(decode(grey_tiff(values, 12, 1))[..., 0], values >> 4)


def test_16_bit_tiff_with_white_as_zero_is_not_a_negative() -> None:
    pixels = decode(grey_tiff(grey16(), 16, 0))
    np.testing.assert_array_equal(pixels[..., 0], 255 - (grey16() >> 8))


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_samples_without_an_agreed_look_are_unsupported(dtype: type[np.number[Any]]) -> None:
    data = encode(Image.fromarray(np.zeros((20, 20), dtype)), "TIFF")
    with pytest.raises(UnsupportedImage, match="convert the TIFF to 8-bit RGB") as caught:
        decode(data)
    assert caught.value.header == ImageHeader("TIFF", 20, 20, None)
