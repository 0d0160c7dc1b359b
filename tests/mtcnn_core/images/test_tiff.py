"""Every layout of a TIFF is right pixels or `unsupported`; RAW files are never their thumbnails."""

from __future__ import annotations

from io import BytesIO
from itertools import product
from typing import Any, Literal

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from mtcnn_core.images.errors import UnsupportedImage
from mtcnn_core.images.photo import decode
from tests.mtcnn_core.images.pictures import encode, scene

SCENE = np.asarray(scene())
KINDS = ("black", "white", "grey and alpha", "rgb", "rgb and alpha", "rgb and two more")
PIECES: tuple[dict[str, Any], ...] = ({}, {"tile": (16, 32)}, {"rowsperstrip": 7})
# Those that Pillow has no pixels for, or wrong ones; of planes it knows 8-bit colour.
NEVER_READ = {
    *((bits, "grey and alpha", "contig") for bits in (16, 32)),
    *((bits, "grey and alpha", "separate") for bits in (8, 16, 32)),
    *((32, kind, planes) for kind in KINDS for planes in ("contig", "separate")),
    (16, "rgb and two more", "contig"),
}


def _written(image: NDArray[Any], **options: Any) -> bytes:
    buffer = BytesIO()
    tifffile.imwrite(buffer, image, metadata=None, **options)
    return buffer.getvalue()


def _samples(kind: str) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """The scene as a file of a kind has it, and how that is written."""
    height, width, _ = SCENE.shape
    opaque = np.full((height, width, 1), 255, np.uint8)
    grey = SCENE[:, :, :1]
    if kind in ("black", "white"):
        return grey[:, :, 0], {"photometric": f"minis{kind}"}
    if kind == "grey and alpha":
        alpha = {"photometric": "minisblack", "extrasamples": ["unassalpha"]}
        return np.concatenate([grey, opaque], axis=2), alpha
    if kind == "rgb":
        return SCENE, {"photometric": "rgb"}
    extra = ["unassalpha"] if kind == "rgb and alpha" else ["unspecified"] * 2
    more = np.concatenate([SCENE, *([opaque] * len(extra))], axis=2)
    return more, {"photometric": "rgb", "extrasamples": extra}


def _shown(kind: str) -> NDArray[np.uint8]:
    grey = np.repeat(SCENE[:, :, :1], 3, axis=2)
    return {"black": grey, "white": 255 - grey, "grey and alpha": grey}.get(kind, SCENE)


@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bits", [8, 16, 32])
def test_every_layout_is_right_or_refused(bits: int, kind: str, planes: str) -> None:
    samples, options = _samples(kind)
    values = (samples.astype(np.uint64) * ((1 << bits) - 1) // 255).astype(f"u{bits // 8}")
    if values.ndim == 3:
        options["planarconfig"] = planes
        if planes == "separate":
            values = np.ascontiguousarray(np.moveaxis(values, 2, 0))
    read = 0
    for order, compression, pieces in product("<>", (None, "zlib", "lzma"), PIECES):
        data = _written(values, byteorder=order, compression=compression, **pieces, **options)
        try:
            pixels = decode(data)
        except UnsupportedImage:
            continue
        read += 1
        assert np.abs(pixels.astype(int) - _shown(kind)).max() <= 1, (order, compression, pieces)
    assert (read == 0) == ((bits, kind, planes) in NEVER_READ)


def test_a_layout_that_is_refused_is_named() -> None:
    planes = np.ascontiguousarray(np.moveaxis(SCENE.astype(np.uint16) * 257, 2, 0))
    data = _written(planes, photometric="rgb", planarconfig="separate")
    with pytest.raises(UnsupportedImage, match="this TIFF has 3 samples of 16 bits in planes"):
        decode(data)


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate", "zstd"])
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "I;16"])
def test_compressions_of_pillow_are_right(mode: str, compression: str) -> None:
    if mode == "I;16":
        grey = np.asarray(scene().convert("L")).astype(np.uint16) * 257
        picture, shown = Image.fromarray(grey), scene().convert("L").convert("RGB")
    else:
        picture = scene().convert(mode)
        shown = picture.convert("RGB")
    pixels = decode(encode(picture, "TIFF", compression=compression))
    assert np.array_equal(pixels, np.asarray(shown))


def _camera_raw(thumbnail_says_so: bool, order: Literal["<", ">"]) -> bytes:
    """What NEF, ARW and DNG are: a small picture first, the photo below it."""
    buffer = BytesIO()
    with tifffile.TiffWriter(buffer, byteorder=order) as file:
        file.write(
            SCENE[::4, ::4],
            photometric="rgb",
            subfiletype=1 if thumbnail_says_so else 0,
            subifds=1,
            metadata=None,
        )
        file.write(SCENE, photometric="rgb", subfiletype=0, metadata=None)
    return buffer.getvalue()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("thumbnail_says_so", [True, False])
def test_a_thumbnail_is_not_the_photo(thumbnail_says_so: bool, order: Literal["<", ">"]) -> None:
    with pytest.raises(UnsupportedImage, match="this is a camera's RAW file"):
        decode(_camera_raw(thumbnail_says_so, order))


@pytest.mark.parametrize(
    ("at", "mark"), [(8, b"CR\x02\0"), (8, b"IIIICwaR")], ids=["Canon", "Phase One"]
)
def test_raw_files_are_known_by_their_marks(at: int, mark: bytes) -> None:
    # The mark stands between the header and the first directory.
    plain = bytearray(encode(scene(), "TIFF"))
    directory = int.from_bytes(plain[4:8], "little")
    entries = int.from_bytes(plain[directory : directory + 2], "little")
    block = plain[directory : directory + 2 + 12 * entries + 4]
    plain[4:8] = len(plain).to_bytes(4, "little")
    plain += block
    plain[at : at + len(mark)] = mark
    with pytest.raises(UnsupportedImage, match="this is a camera's RAW file"):
        decode(bytes(plain))


@pytest.mark.parametrize("tag", [(50706, 1, 4, (1, 4, 0, 0), True)])
def test_a_dng_is_raw_even_without_a_thumbnail(tag: tuple[Any, ...]) -> None:
    data = _written(SCENE, photometric="rgb", extratags=[tag])
    with pytest.raises(UnsupportedImage, match="this is a camera's RAW file"):
        decode(data)


def test_smaller_pictures_below_the_photo_do_not_matter() -> None:
    buffer = BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        file.write(SCENE, photometric="rgb", subifds=1, metadata=None)
        file.write(SCENE[::2, ::2], photometric="rgb", subfiletype=1, metadata=None)
    assert np.array_equal(decode(buffer.getvalue()), SCENE)


def test_damage_below_the_photo_does_not_matter() -> None:
    data = _written(SCENE, photometric="rgb", extratags=[(330, 4, 2, (7, 1 << 31), True)])
    assert np.array_equal(decode(data), SCENE)
