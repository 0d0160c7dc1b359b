"""Files in absurdly many pieces, refused before a reader walks through them.

A few bytes can ask for a lot of work or memory that no limit on pixels sees. Measured on the
readers as they are: 1 MB of JPEG scans kept libjpeg busy for 48 s, 10 MB of EXIF segments kept
Pillow busy for 13 s and as much of compressed PNG profiles for 21 s; 96 bytes of JPEG 2000 with
65,280 tiles took 614 MB.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from itertools import islice

from mtcnn_core.images.errors import ImageTooLarge

_MOST_SEGMENTS = 5_000  # before the pixels; a profile has up to 255, XMP of 100 MB 1,600
_MOST_EXIF = 64  # Pillow joins them one by one
_MOST_SCANS = 100  # as libtiff has it; photos have about 10, 100 of 200 megapixels take 15 s
_MOST_CHUNKS = 1_000  # without those of pixels; a compressed one takes 3 ms
_MOST_CODESTREAMS = 16
_MOST_TILES = 4_096  # OpenJPEG takes 9 kB for one
_MOST_LAYERS = 64
_LEAST_PRECINCT = 6  # 64 pixels: OpenJPEG takes 0.5 kB for one, and more with every layer

_JPEG_MARKER = re.compile(rb"\xff[^\x00\xff]")
_SCAN = re.compile(rb"\xff\xda")
_WITHOUT_LENGTH = frozenset({0x01, 0xC8, *range(0xD0, 0xDA), *range(0xF0, 0xFE)})
_APP1, _START_OF_SCAN, _END_OF_IMAGE = 0xE1, 0xDA, 0xD9
_CODESTREAM = re.compile(rb"\xff\x4f\xff\x51")
_CODING, _COMPONENT_CODING, _START_OF_TILE, _START_OF_DATA = 0x52, 0x53, 0x90, 0x93


def check_pieces(data: bytes, file_format: str) -> None:
    """Refuses a JPEG, PNG or JPEG 2000 in more pieces than any photo has.

    Args:
        data: The whole file.
        file_format: See `mtcnn_core.images.formats.recognise`; other formats pass.

    Raises:
        ImageTooLarge: More segments, scans, chunks, tiles, layers or precincts than are read.
    """
    if file_format == "JPEG":
        _check_jpeg(data)
    elif file_format == "PNG":
        _check_png(data)
    elif file_format == "JPEG2000":
        _check_jpeg2000(data)


def _too_many(file_format: str, most: int, pieces: str) -> ImageTooLarge:
    return ImageTooLarge(f"this {file_format} has more than {most} {pieces}; convert it")


def _check_jpeg(data: bytes) -> None:
    # Whether all of the file, embedded pictures included, has as many is quickly had: 115 kB in
    # 33 us, with `bytes.count` in 98.
    count_scans = any(islice(_SCAN.finditer(data), _MOST_SCANS, None))
    segments = exif = scans = 0
    for marker, at in _jpeg_segments(data):
        if marker == _START_OF_SCAN:
            scans += 1
            if not count_scans:
                return
            if scans > _MOST_SCANS:
                raise _too_many("JPEG", _MOST_SCANS, "scans")
        elif scans and marker == _END_OF_IMAGE:
            return
        elif not scans:
            segments += 1
            exif += marker == _APP1 and data.startswith(b"Exif\0\0", at + 2)
            if segments > _MOST_SEGMENTS:
                raise _too_many("JPEG", _MOST_SEGMENTS, "segments before its pixels")
            if exif > _MOST_EXIF:
                raise _too_many("JPEG", _MOST_EXIF, "EXIF segments")


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Markers, and where what belongs to them begins; what is between segments is passed over."""
    at = 2
    while found := _JPEG_MARKER.search(data, at):
        at = found.end()
        marker = data[at - 1]
        yield marker, at
        if marker not in _WITHOUT_LENGTH:
            at += max(2, int.from_bytes(data[at : at + 2], "big"))


def _check_png(data: bytes) -> None:
    at, chunks = 8, 0
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        if name == b"IEND":
            return
        chunks += name not in (b"IDAT", b"fdAT", b"fcTL")
        if chunks > _MOST_CHUNKS:
            raise _too_many("PNG", _MOST_CHUNKS, "chunks besides its pixels")
        at += 12 + length


def _check_jpeg2000(data: bytes) -> None:
    # There is one, but a file can pretend to have more; which is decoded is for OpenJPEG to say.
    starts = [found.start() + 2 for found in _CODESTREAM.finditer(data)]
    if len(starts) > _MOST_CODESTREAMS:
        raise _too_many("JPEG2000", _MOST_CODESTREAMS, "pictures")
    for at in starts:
        size = data[at + 6 : at + 38]
        if len(size) == 32 and _tiles(*struct.unpack(">8I", size)) > _MOST_TILES:
            raise _too_many("JPEG2000", _MOST_TILES, "tiles")
        for marker, body in _codestream_segments(data, at):
            _check_coding(marker, body)


def _tiles(
    right: int, bottom: int, _x: int, _y: int, width: int, height: int, left: int, top: int
) -> int:
    """How many tiles of a width and height there are; 0 for sizes that OpenJPEG refuses itself."""
    return -(-(right - left) // width) * -(-(bottom - top) // height) if width and height else 0


def _codestream_segments(data: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """Markers and bodies of the main header and of the header of each part of a tile."""
    next_part = 0
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, length = struct.unpack_from(">xBH", data, at)
        body = data[at + 4 : at + 2 + length]
        if marker == _START_OF_DATA:
            if not next_part:
                return
            at, next_part = max(at + 2, next_part), 0
            continue
        if marker == _START_OF_TILE:
            part = int.from_bytes(body[2:6], "big")
            next_part = at + part if part else 0  # 0: the last, up to the end
        yield marker, body
        at += 2 + max(2, length)


def _check_coding(marker: int, body: bytes) -> None:
    if marker == _CODING:
        flags, precincts = body[:1], body[10:]
        if int.from_bytes(body[2:4], "big") > _MOST_LAYERS:
            raise _too_many("JPEG2000", _MOST_LAYERS, "layers")
    elif marker == _COMPONENT_CODING:
        flags, precincts = body[1:2], body[7:]
    else:
        return
    if not flags or not flags[0] & 1:
        return  # one precinct a tile
    # The smallest resolution comes first; each is half as wide as the next, and so may these be.
    halvings = range(len(precincts) - 1, -1, -1)
    sides = (min(each & 15, each >> 4) for each in precincts)
    if any(side + halved < _LEAST_PRECINCT for side, halved in zip(sides, halvings, strict=True)):
        raise ImageTooLarge(
            f"this JPEG2000 has precincts of fewer than {1 << _LEAST_PRECINCT} pixels; convert it"
        )
