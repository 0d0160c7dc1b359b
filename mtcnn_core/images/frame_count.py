"""How many pictures a file holds, told from its structure: no decoder sees it."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from mtcnn_core.images.tiff_pages import read_pages

_MOST_BLOCKS = 5_000_000  # of a GIF, walked in half a second
_ANIMATED_WEBP = 2  # among the flags
_HOLD_OTHERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
_DEEPEST = 6
_MOST_BOXES = 100_000


def count_frames(data: bytes, file_format: str) -> int | None:
    """Counts the frames of an animation, the pages of a TIFF; 1 for what can have no more.

    The further pictures of a JPEG (MPO) are none: they show the same moment to another eye, or are
    its preview or gain map. Nor are a TIFF's previews and masks.

    Args:
        data: The whole file.
        file_format: See `mtcnn_core.images.formats.recognise`.

    Returns:
        At least 1; None where the file ends, or is damaged, before that is known.
    """
    counter = _COUNTERS.get(file_format)
    return counter(data) if counter else 1


def _gif(data: bytes) -> int | None:
    try:
        return _gif_frames(data)
    except IndexError:  # cut off
        return None


def _gif_frames(data: bytes) -> int | None:
    at, frames, blocks = 13 + _palette(data[10]), 0, 0
    while at < len(data):
        kind = data[at]
        if kind == ord(";"):
            break
        if kind == ord("!"):
            at += 2
        elif kind == ord(","):
            frames += 1
            at += 11 + _palette(data[at + 9])
        else:
            at += 1
            continue
        while size := data[at]:
            at += size + 1
            blocks += 1
        at += 1
        if blocks > _MOST_BLOCKS:
            return None
    return frames or None


def _palette(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _png(data: bytes) -> int:
    said, frames, is_apart = 0, 0, False
    at = 8
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        if name == b"IDAT" and not said:
            return 1
        if name == b"acTL" and length >= 4 and not frames and at + 12 <= len(data):
            (said,) = struct.unpack_from(">I", data, at + 8)
        elif name == b"fcTL":
            frames += 1
        elif name == b"IDAT":
            is_apart |= not frames  # a picture for those who know no animations
        elif name == b"IEND":
            break
        at += 12 + length
    return max(1, min(said, frames) + is_apart)


def _webp(data: bytes) -> int:
    if data[12:16] != b"VP8X" or not data[20:21] or not data[20] & _ANIMATED_WEBP:
        return 1
    at, frames = 12, 0
    while at + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        frames += name == b"ANMF"
        at += 8 + length + length % 2
    return max(1, frames)


def _avif(data: bytes) -> int:
    if data[8:12] != b"avis":
        return 1
    sizes = [
        struct.unpack_from(">I", data, begin + 8)[0]
        for begin, end in _sample_sizes(data)
        if begin + 12 <= end
    ]
    return max(1, min(max(sizes, default=1), len(data)))  # each takes a byte at least


def _sample_sizes(data: bytes) -> Iterator[tuple[int, int]]:
    """Where the lists of the tracks' samples are."""
    left = [(0, len(data), 0)]
    boxes = 0
    while left:
        at, end, depth = left.pop()
        while at + 8 <= end and boxes < _MOST_BOXES:
            boxes += 1
            length, name = struct.unpack_from(">I4s", data, at)
            begin = at + 8
            stop = end if length == 0 else at + length
            if length < 8 or stop > end:
                break
            if name in _HOLD_OTHERS and depth < _DEEPEST:
                left.append((begin, stop, depth + 1))
            elif name == b"stsz":
                yield begin, stop
            at = stop


def _tiff(data: bytes) -> int | None:
    return read_pages(data).count


_COUNTERS: dict[str, Callable[[bytes], int | None]] = {
    "GIF": _gif,
    "PNG": _png,
    "WEBP": _webp,
    "AVIF": _avif,
    "TIFF": _tiff,
}
