"""Image files made to cost much or to be taken for something else, by what must become of them.

`photo`, `too_large`, `undecodable` and `unsupported` are functions for `tests.fuzz.watch`: each
says what is wrong when the bytes do not end that way.
"""

from __future__ import annotations

import io
import re
import struct
import tarfile
import zipfile
import zlib
from functools import cache

from PIL import Image, features

from mtcnn_core.images.errors import ImageError
from mtcnn_core.images.photo import read_photo
from mtcnn_core.settings.images import ImageLimits
from tests.mtcnn_core.images.pictures import (
    encode,
    exif_entry,
    jpeg_with_exif,
    png,
    png_chunk,
    scene,
)

LIMITS = ImageLimits(max_pixels=1_000_000)


def photo(data: bytes) -> str | None:
    return _outcome(data, "photo")


def too_large(data: bytes) -> str | None:
    return _outcome(data, "too_large")


def undecodable(data: bytes) -> str | None:
    return _outcome(data, "undecodable")


def unsupported(data: bytes) -> str | None:
    return _outcome(data, "unsupported")


def _outcome(data: bytes, expected: str) -> str | None:
    try:
        pixels = read_photo(data, limits=LIMITS).pixels
    except ImageError as error:
        if error.status == expected and re.fullmatch(r"[^\n\x00-\x1f]{10,400}", str(error)):
            return None
        return f"{error.status}: {error}"
    return None if expected == "photo" else f"a photo of {pixels.shape}"


def jpeg_segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def jpeg_of_scans(scans: int, side: int) -> bytes:
    """A grey progressive JPEG; each scan but the first says in a few bytes that it has nothing."""
    blocks = (-(-side // 8)) ** 2
    nothing = b"".join([b"\x7f\xff"] * -(-blocks // 32767))  # one bit, "32,767 blocks end here"
    head = [
        b"\xff\xd8",
        jpeg_segment(0xDB, b"\0" + b"\1" * 64),
        jpeg_segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\1\x11\0"),
        jpeg_segment(0xC4, b"\0\1" + b"\0" * 16),
        jpeg_segment(0xC4, b"\x10\1" + b"\0" * 15 + b"\xe0"),
        jpeg_segment(0xDA, b"\1\1\0\0\0\0") + b"\0" * -(-blocks // 8),
    ]
    scan = jpeg_segment(0xDA, b"\1\1\0\1\x3f\0") + nothing.replace(b"\xff", b"\xff\0")
    return b"".join(head) + scan * (scans - 1) + b"\xff\xd9"


def jpeg_with(segments: bytes) -> bytes:
    plain = encode(scene(), "JPEG")
    return plain[:2] + segments + plain[2:]


def png_with(chunks: bytes) -> bytes:
    plain = encode(scene(), "PNG")
    return plain[:33] + chunks + plain[33:]


def gif_with(blocks: bytes) -> bytes:
    plain = encode(scene(), "GIF")
    at = plain.index(b"\x2c\0\0\0\0")
    return plain[:at] + blocks + plain[at:]


def gif_of_a_frame(width: int, height: int) -> bytes:
    """One that is followed by its background, so that Pillow makes it when it opens the file."""
    data = gif_with(b"!\xf9\4\x08\0\0\0\0")
    frame = b"\x2c\0\0\0\0"
    return data.replace(
        frame + struct.pack("<HH", 56, 40), frame + struct.pack("<HH", width, height)
    )


def tiff(width: int, height: int, *more: tuple[int, int, int], count: int = 1) -> bytes:
    """A grey TIFF of strips of one row, or of what `more` says (tag, count, value)."""
    after = 8 + 2 + 12 * (7 + len(more)) + 4
    entries = [(256, 1, width), (257, 1, height), (258, 1, 8), (259, 1, 1), (262, 1, 1)]
    entries += [(273, count, after), (278, 1, 1), *more]
    directory = b"".join(
        struct.pack("<HHII", tag, 4, number, value) for tag, number, value in sorted(entries)
    )
    body = struct.pack("<I", after) * count + bytes(1000)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + bytes(4) + body


def j2k(width: int, height: int, tile: int, *, coding: bytes = b"\0\0\0\1\0\5\4\4\0\1") -> bytes:
    size = struct.pack(">HIIIIIIIIH", 0, width, height, 0, 0, tile, tile, 0, 0, 1) + b"\7\1\1"
    parts = [(0x51, size), (0x52, coding), (0x5C, b"\x40" + b"\x40" * 16), (0x90, bytes(8))]
    return b"\xff\x4f" + b"".join(jpeg_segment(*part) for part in parts) + b"\xff\x93\xff\xd9"


def webp_canvas(width: int, height: int) -> bytes:
    frame = encode(Image.new("RGB", (16, 16)), "WEBP")[12:]
    frame = bytes(6) + b"\x0f\0\0\x0f\0\0" + bytes(4) + frame
    sides = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    chunks = [(b"VP8X", b"\2\0\0\0" + sides), (b"ANIM", bytes(6)), (b"ANMF", frame)]
    body = b"WEBP" + b"".join(name + struct.pack("<I", len(c)) + c for name, c in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def avif_of(width: int, height: int, *, said: tuple[int, int]) -> bytes:
    data = encode(Image.new("RGB", (width, height), "red"), "AVIF", speed=10)
    true, false = struct.pack(">II", width, height), struct.pack(">II", *said)
    return data.replace(b"ispe\0\0\0\0" + true, b"ispe\0\0\0\0" + false)


def bmp(width: int, height: int) -> bytes:
    return b"BM" + struct.pack("<IIIIiiHH", 0, 0, 54, 40, width, height, 1, 24) + bytes(24)


@cache
def attacks() -> dict[str, dict[str, bytes]]:
    """Files by the status that each must end with (`photo`: it is read), and by name."""
    megabyte = zlib.compress(bytes(1 << 20), 9)
    laughs = b'<!DOCTYPE x [<!ENTITY a "aaaa">' + b'<!ENTITY b "&a;&a;">' * 999 + b"]><x>&b;</x>"
    cycle = struct.pack("<HHII", 0x8769, 4, 1, 8)  # the EXIF directory is the first one again
    plain, gif, circle = encode(scene(), "JPEG"), encode(scene(), "GIF"), tiff(56, 40, count=40)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.txt", "a")
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as members:
        members.addfile(tarfile.TarInfo("a.jpg"))

    large = {
        "JPEG of 65535x65535": plain.replace(struct.pack(">HH", 40, 56), b"\xff" * 4, 1),
        "JPEG of 20,000 scans": jpeg_of_scans(20_000, 992),
        "JPEG of empty segments": jpeg_with(b"\xff\xe5\0\2" * 500_000),
        "JPEG of EXIF in pieces": jpeg_with(jpeg_segment(0xE1, b"Exif\0\0x") * 100_000),
        "PNG of 60000x60000": png(60000, 60000, 8, 2, b"\0"),
        "PNG of empty chunks": png_with(png_chunk(b"abCd", b"") * 100_000),
        "PNG of profiles": png_with(png_chunk(b"iCCP", b"a\0\0" + megabyte) * 2_000),
        "PNG of text without keys": png_with(png_chunk(b"zTXt", b"\0\0" + megabyte) * 2_000),
        "GIF of 65535x65535": b"GIF89a" + b"\xff" * 4 + encode(scene(), "GIF")[10:],
        "GIF of a frame of 14904x10240": gif_of_a_frame(14904, 10240),
        "GIF of one-byte comments": gif_with(b"!\xfe" + b"\1x" * 1_000_000 + b"\0"),
        "TIFF of 4294967295x4294967295": tiff(0xFFFFFFFF, 0xFFFFFFFF),
        "TIFF of one huge tile": tiff(56, 40, (322, 1, 40000), (323, 1, 40000), (324, 1, 8)),
        "TIFF of strips": tiff(16, 60_000, count=1_000_000),
        "BMP of 2147483647x2147483647": bmp(0x7FFFFFFF, 0x7FFFFFFF),
        "PPM of 99999999x99999999": b"P6 99999999 99999999 255\n",
        "WEBP of 13000x13000": webp_canvas(13000, 13000),
        "JPEG 2000 of 4294967295x4294967295": j2k(0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF),
        "JPEG 2000 of tiles of a pixel": j2k(256, 255, 1),
        "JPEG 2000 of 65535 layers": j2k(900, 900, 900, coding=b"\0\0\xff\xff\0\0\0\0\0\1"),
        "JPEG 2000 of tiny precincts": j2k(900, 900, 900, coding=b"\1\0\0\1\0\0\4\4\0\1\x11"),
    }
    damaged = {
        "empty": b"",
        "JPEG cut in its header": plain[:30],
        "PNG of text": png_with(
            b"".join(png_chunk(b"zTXt", b"%d\0\0" % i + megabyte) for i in range(200))
        ),
        "PNG of a profile of 8 MB": png_with(
            png_chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(8 << 20)))
        ),
        "GIF that ends in an extension": gif_with(b"!\xf9\4")[:-1500],
        "BMP without pixels": bmp(900, 900),
        "TIFF of 65535 samples": tiff(56, 40, (277, 1, 65535)),
        "JPEG 2000 cut in its header": j2k(900, 900, 900)[:60],
    }
    strange = {
        "one byte": b"\xff",
        "HTML": b"<!DOCTYPE html><img src='a.jpg'>",
        "SVG": b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>",
        "PDF": b"%PDF-1.7\n",
        "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n(a) (w) file\n",
        "DOS EPS": b"\xc5\xd0\xd3\xc6" + bytes(28),
        "zip": archive.getvalue(),
        "tar": tar.getvalue(),
        "PPM in digits": b"P3 900 900 255\n" + b"1 #\n" * 100_000,
        "ICO": encode(scene(), "ICO"),
        "ICNS": b"icns" + bytes(16),
        "PSD": b"8BPS\0\1" + bytes(40),
        "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    }
    read = {
        "JPEG and zip": plain + archive.getvalue(),
        "JPEG and PDF": jpeg_with(jpeg_segment(0xFE, b"%PDF-1.7\n")) + b"%%EOF",
        "JPEG and HTML": jpeg_with(jpeg_segment(0xFE, b"<script>alert(1)</script>")),
        "JPEG with a broken profile": jpeg_with(jpeg_segment(0xE2, b"ICC_PROFILE\0\1\xff\0")),
        "JPEG with a profile of 10 MB": jpeg_with(
            jpeg_segment(0xE2, b"ICC_PROFILE\0\1\xff" + bytes(60_000)) * 170
        ),
        "JPEG with a bomb in XMP": jpeg_with(
            jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + laughs)
        ),
        "JPEG with a circle in EXIF": jpeg_with_exif(
            b"II*\0\x08\0\0\0\1\0" + cycle + b"\x08\0\0\0"
        ),
        "JPEG with absurd EXIF": jpeg_with_exif(exif_entry(0x0112, 3, 0xFFFFFFFF, 26)),
        "JPEG of 100 scans": jpeg_of_scans(100, 992),
        "PNG that inflates to 64 MB": png(56, 40, 8, 2, bytes(64 << 20)),
        "PNG of endless frames": png_with(
            png_chunk(b"acTL", struct.pack(">II", 0x7FFFFFFF, 0))
            + png_chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 56, 40, 0, 0, 1, 1, 0, 0))
        ),
        "PNG with EXIF in hexadecimal": png_with(
            png_chunk(b"tEXt", b"Raw profile type exif\0\n\n\n" + b"00\n" * 4_000_000)
        ),
        "GIF of endless frames": gif[:-1] + gif[gif.index(b"\x2c\0\0\0\0") : -1] * 2_000,
        "TIFF in a circle": circle[:94] + struct.pack("<I", 8) + circle[98:],
    }
    if "avif" in features.modules and features.check("avif"):
        large["AVIF of 14000x14000"] = avif_of(56, 40, said=(14000, 14000))
        damaged["AVIF of 0x0"] = avif_of(56, 40, said=(0, 0))
        read["AVIF larger than it says"] = avif_of(2000, 2000, said=(64, 64))
    return {"too_large": large, "undecodable": damaged, "unsupported": strange, "photo": read}
