"""Small valid image files of every format that is read, for the fuzz harness to damage."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from PIL import ExifTags, Image, features

from tests.fuzz.mutations import Sample, Split, untouched, whole
from tests.mtcnn_core.images.pictures import encode, grey16, grey_tiff, png_chunk, scene


def samples() -> list[Sample]:
    """One or more files for each reader and each of its decoders."""
    return [
        Sample(
            name,
            data,
            split=_SPLITS.get(name.split()[0], whole),
            repair=png_checksums if name.startswith("PNG") else untouched,
            signature=12 if name.startswith(("WEBP", "AVIF", "JPEG2000 boxed")) else 3,
        )
        for name, data in _files()
    ]


def _files() -> Iterator[tuple[str, bytes]]:
    picture = scene()
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Make] = "a camera"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[1] = "N"
    clear = picture.convert("RGBA")
    clear.putalpha(128)
    extras: dict[str, Any] = {"exif": exif, "icc_profile": b"profile" * 20}

    yield "JPEG plain", encode(picture, "JPEG", comment=b"a comment", **extras)
    yield "JPEG progressive", encode(picture, "JPEG", progressive=True)
    yield "JPEG grey restarts", encode(picture.convert("L"), "JPEG", restart_marker_rows=1)
    yield "JPEG CMYK", encode(picture.convert("CMYK"), "JPEG", subsampling=1)
    yield "JPEG MPO", _animated(scene(), "MPO")
    yield "PNG plain", encode(picture, "PNG", **extras)
    yield "PNG palette", encode(picture.quantize(16), "PNG", transparency=3)
    yield "PNG grey 16", encode(Image.fromarray(grey16()), "PNG")
    yield "PNG clear", encode(clear, "PNG")
    yield "PNG text", _png_with_text()
    yield "PNG animated", _animated(scene(), "PNG")
    yield "GIF plain", encode(picture, "GIF", transparency=3, comment=b"a comment")
    yield "GIF animated", _animated(scene(), "GIF", disposal=2)
    yield "BMP plain", encode(picture, "BMP")
    yield "BMP palette", encode(picture.quantize(16), "BMP")
    yield "BMP run lengths", _bmp_rle()
    yield "PPM raw", encode(picture, "PPM")
    yield "PPM comment", b"P5 # a comment\n20 20 255\n" + bytes(range(200)) * 2
    yield "PPM bits", encode(picture.convert("1"), "PPM")
    yield "PPM deep", b"P5 20 20 300\n" + bytes(range(200)) * 4
    for compression in ("raw", "tiff_lzw", "jpeg", "tiff_adobe_deflate", "packbits"):
        yield f"TIFF {compression}", encode(picture, "TIFF", compression=compression)
    yield "TIFF fax", encode(picture.convert("1"), "TIFF", compression="group4")
    yield "TIFF big", encode(picture, "TIFF", big_tiff=True, **extras)
    yield "TIFF palette", encode(picture.quantize(16), "TIFF")
    yield "TIFF 12 bits", grey_tiff(grey16() >> 4, 12, 1)
    yield "TIFF pages", _animated(scene(), "TIFF")
    if features.check("webp"):
        yield "WEBP plain", encode(picture, "WEBP", **extras)
        yield "WEBP clear", encode(clear, "WEBP", lossless=True)
        yield "WEBP animated", _animated(scene(), "WEBP")
    if features.check("jpg_2000"):
        yield "JPEG2000 boxed", encode(picture, "JPEG2000")
        yield "JPEG2000 bare", encode(picture, "JPEG2000", no_jp2=True, tile_size=(32, 32))
        yield "JPEG2000 lossy", encode(clear, "JPEG2000", irreversible=True)
    if "avif" in features.modules and features.check("avif"):
        yield "AVIF plain", encode(clear, "AVIF", exif=exif)
        yield "AVIF animated", _animated(scene(), "AVIF")


def _animated(first: Image.Image, file_format: str, **options: Any) -> bytes:
    # Of its own, as Pillow leaves the options of one format in a picture saved in several.
    more = [Image.new("RGB", first.size, "blue"), scene().rotate(180)]
    return encode(first, file_format, save_all=True, append_images=more, **options)


def _png_with_text() -> bytes:
    plain = encode(scene(), "PNG")
    body = zlib.compress(b"text" * 100)
    xmp = b"XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation='6'/>"
    chunks = [
        png_chunk(b"tEXt", b"a\0b"),
        png_chunk(b"zTXt", b"a\0\0" + body),
        png_chunk(b"iTXt", b"a\0\1\0\0\0" + body),
        png_chunk(b"iTXt", xmp),
        png_chunk(b"iCCP", b"a\0\0" + body),
    ]
    return plain[:33] + b"".join(chunks) + plain[33:]


def _bmp_rle() -> bytes:
    rows = b"".join(b"\x10\x05\x08\x09\0\x04abcd\0\0" for _ in range(20)) + b"\0\1"
    palette = b"".join(bytes((i, 255 - i, i // 2, 0)) for i in range(256))
    size = 54 + len(palette) + len(rows)
    head = struct.pack("<2sIII", b"BM", size, 0, 54 + len(palette))
    info = struct.pack("<IiiHHIIiiII", 40, 28, 20, 1, 8, 1, len(rows), 0, 0, 256, 0)
    return head + info + palette + rows


def _cuts(data: bytes, places: Iterator[int]) -> list[bytes]:
    inside = sorted({place for place in places if 0 < place < len(data)})
    return [data[a:b] for a, b in pairwise([0, *inside, len(data)])]


def _segments(data: bytes) -> list[bytes]:
    """JPEG and codestream segments: all that begins with a marker."""
    return _cuts(data, (found.start() for found in re.finditer(rb"\xff[\x4f-\xfe]", data)))


def png_chunks(data: bytes) -> list[bytes]:
    """The signature and the chunks of a PNG; the rest is one piece from where that ends."""
    return _cuts(data, _steps(data, 8, ">I", 12))


def _riff_chunks(data: bytes) -> list[bytes]:
    return _cuts(data, _steps(data, 12, "<I", 8, at=4, even=True))


def _boxes(data: bytes) -> list[bytes]:
    """ISO boxes, and those in the boxes that only hold others."""
    return _cuts(data, (found.start() - 4 for found in re.finditer(_BOX, data)))


def _entries(data: bytes) -> list[bytes]:
    """The directories of a TIFF, entry by entry: kind and tag are small, count is a number."""
    found = re.finditer(rb"(?=[\x00-\xff][\x00\x01][\x01-\x10]\x00..\0\0)", data, re.DOTALL)
    return _cuts(data, (each.start() for each in found))


def _blocks(data: bytes) -> list[bytes]:
    return _cuts(data, (found.start() for found in re.finditer(rb"[,!][\0\xf9\xfe\xff]|;", data)))


def _words(data: bytes) -> list[bytes]:
    """Two bytes each of the first hundred: a file with one flat header."""
    return _cuts(data, iter(range(2, 100, 2)))


def _steps(
    data: bytes, begin: int, layout: str, around: int, *, at: int = 0, even: bool = False
) -> Iterator[int]:
    """Where chunks begin that say their length: `at` its place, `around` the bytes beside it."""
    place = begin
    while place + around <= len(data):
        yield place
        (length,) = struct.unpack_from(layout, data, place + at)
        place += around + length + (length & 1 if even else 0)
    yield place


def png_checksums(data: bytes) -> bytes:
    """Makes the checksum of every whole chunk right."""
    pieces = png_chunks(data)
    for i, piece in enumerate(pieces):
        if len(piece) >= 12 and struct.unpack_from(">I", piece)[0] == len(piece) - 12:
            pieces[i] = piece[:-4] + struct.pack(">I", zlib.crc32(piece[4:-4]))
    return b"".join(pieces)


_BOX = re.compile(
    rb"(?:ftyp|meta|hdlr|pitm|iloc|iinf|infe|iprp|ipco|ispe|pixi|av1C|colr|auxC|ipma|mdat|moov|trak"
    rb"|mdia|minf|stbl|stsz|stco|jP  |jp2h|ihdr|jp2c|bpcc|cdef)"
)
_SPLITS: dict[str, Split] = {
    "JPEG": _segments,
    "PNG": png_chunks,
    "WEBP": _riff_chunks,
    "GIF": _blocks,
    "BMP": _words,
    "TIFF": _entries,
    "JPEG2000": _segments,
    "AVIF": _boxes,
}
