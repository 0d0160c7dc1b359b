"""Image files in, upright RGB pixels or one typed error out."""

import os
import pickle
import re
import resource
import struct
import subprocess
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, features
from pydantic import ValidationError

from mtcnn_core.images import (
    ImageError,
    ImageHeader,
    ImageLimits,
    ImageTooLarge,
    ImageTooSmall,
    UndecodableImage,
    UnsupportedImage,
    decode,
    read_photo,
)

Pixels = NDArray[np.uint8]

UPRIGHT: dict[int, Callable[[Pixels], Pixels]] = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: np.rot90(stored, 2),
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].swapaxes(0, 1),
    8: lambda stored: np.rot90(stored, 1),
}
LOSSLESS: list[tuple[str, dict[str, Any]]] = [
    ("PNG", {}),
    ("BMP", {}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("PPM", {}),
    ("WEBP", {"lossless": True}),
    ("JPEG2000", {}),
    ("JPEG2000", {"no_jp2": True}),
]
LOSSY: list[tuple[str, dict[str, Any]]] = [
    ("JPEG", {}),
    ("JPEG", {"progressive": True}),
    ("TIFF", {"compression": "jpeg"}),
    ("WEBP", {}),
    ("GIF", {}),
]


def encode(image: Image.Image, file_format: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def scene(width: int = 56, height: int = 40) -> Image.Image:
    """A smooth picture without any symmetry."""
    y, x = np.mgrid[:height, :width]
    channels = [x * 255 // width, y * 255 // height, (x + 2 * y) * 255 // (width + 2 * height)]
    return Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8))


def jpeg_with_exif(tiff: bytes) -> bytes:
    plain = encode(scene(), "JPEG")
    body = b"Exif\0\0" + tiff
    return plain[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + plain[2:]


def exif_entry(tag: int, kind: int, count: int, value: int) -> bytes:
    return exif_block(struct.pack("<HHII", tag, kind, count, value))


def exif_block(*entries: bytes) -> bytes:
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(entries) + bytes(4)


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, bits: int, colour: int, rows: bytes, extra: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + extra
        + png_chunk(b"IDAT", zlib.compress(rows))
        + png_chunk(b"IEND", b"")
    )


def grey_tiff(values: NDArray[np.integer[Any]], bits: int, photometric: int) -> bytes:
    """An uncompressed grey TIFF; 12-bit samples are packed two to three bytes."""
    height, width = values.shape
    if bits == 12:
        first, second = values.reshape(-1, 2).T.astype(np.uint16)
        packed = [first >> 4, (first & 15) << 4 | second >> 8, second & 255]
        data = np.stack(packed, axis=-1).astype(np.uint8).tobytes()
    else:
        data = values.astype("<u2").tobytes()
    short, long = 3, 4
    entries = [
        (256, short, width),
        (257, short, height),
        (258, short, bits),
        (259, short, 1),
        (262, short, photometric),
        (273, long, 8 + 2 + 12 * 8 + 4),
        (277, short, 1),
        (279, long, len(data)),
    ]
    directory = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + bytes(4) + data


@pytest.fixture(scope="module")
def odd() -> Path:
    default = Path(__file__).parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("MTCNN_RAY_TEST_DATA", default)) / "odd"
    if not folder.is_dir():
        pytest.skip("no test data: set MTCNN_RAY_TEST_DATA to the folder that holds odd/")
    return folder


@pytest.fixture
def escaped_warnings() -> Iterator[list[warnings.WarningMessage]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield caught


# Pixels


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


@pytest.mark.parametrize("size", [(56, 40), (1, 1), (700, 900)])
def test_pixels_are_contiguous_and_the_callers_own(size: tuple[int, int]) -> None:
    pixels = decode(encode(scene(*size), "PNG"))
    np.testing.assert_array_equal(pixels, np.asarray(scene(*size)))
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous and pixels.flags.writeable


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


def grey16() -> NDArray[np.uint16]:
    return np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)


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


# Orientation


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


# Refusals


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


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_samples_without_an_agreed_look_are_unsupported(dtype: type[np.number[Any]]) -> None:
    data = encode(Image.fromarray(np.zeros((20, 20), dtype)), "TIFF")
    with pytest.raises(UnsupportedImage, match="convert the TIFF to 8-bit RGB") as caught:
        decode(data)
    assert caught.value.header == ImageHeader("TIFF", 20, 20, None)


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


def test_an_error_keeps_its_header_when_pickled() -> None:
    with pytest.raises(ImageTooSmall) as caught:
        read_photo(encode(scene(11, 30), "PNG"))
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again), again.header) == (
        ImageTooSmall,
        str(caught.value),
        caught.value.header,
    )


# Strange files


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


def test_libtiff_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    data = encode(scene(), "TIFF", compression="jpeg")
    for at in range(8, len(data), 7):
        with pytest.raises(ImageError):
            decode(data[:at])
    assert capfd.readouterr() == ("", "")


def test_pillows_log_is_not_printed() -> None:
    one, nine = (struct.pack("<HHII", 277, 3, 1, samples) for samples in (1, 9))
    data = grey_tiff(grey16(), 16, 1).replace(one, nine)
    script = (
        "import sys; from mtcnn_core.images import *\n"
        "try: decode(sys.stdin.buffer.read())\n"
        "except ImageError: print('refused')"
    )
    # A process of its own: pytest configures logging, and only where nobody has it is printed.
    ran = subprocess.run(
        [sys.executable, "-c", script],
        input=data,
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert (ran.stdout.strip(), ran.stderr) == (b"refused", b"")


def test_threads_leave_the_warning_filters_as_they_were(
    escaped_warnings: list[warnings.WarningMessage],
) -> None:
    tiff = bytearray(encode(scene(), "TIFF"))
    tiff[10 + 12 * 2 + 4] = 9  # a tag with more values than it may have makes Pillow warn
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(outcome, [bytes(tiff), encode(scene(), "JPEG")] * 100))
    assert len(set(results)) == 2
    assert escaped_warnings == []
    assert list(warnings.filters) == before


def outcome(data: bytes) -> str:
    try:
        return str(read_photo(data).header)
    except ImageError as error:
        return str(error)


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
