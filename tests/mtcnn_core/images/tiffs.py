"""TIFF files of any variant, written by the specification, and the pixels that are in them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.integer[Any]]

WIDTH, HEIGHT = 37, 29
_ROWS_A_STRIP, _TILE = 8, 16
_CHANNELS = {"white": 1, "grey": 1, "rgb": 3, "palette": 1, "cmyk": 4, "ycbcr": 3}
_PHOTOMETRIC = {"white": 0, "grey": 1, "rgb": 2, "palette": 3, "cmyk": 5, "ycbcr": 6}
_COMPRESSION = {"none": 1, "lzw": 5, "deflate": 8, "packbits": 32773}
_SHORT, _LONG = 3, 4
IGNORED, ASSOCIATED, ALPHA = 0, 1, 2


@dataclass(frozen=True)
class Variant:
    """One way to write a TIFF.

    Attributes:
        colour: `white` (is zero), `grey`, `rgb`, `palette`, `cmyk` or `ycbcr`.
        bits: Of a sample.
        extras: Kinds of the samples beyond the colours: `IGNORED`, `ASSOCIATED` or `ALPHA`.
        planar: Each sample in a plane of its own.
        compression: `none`, `lzw`, `deflate` or `packbits`.
        order: `<` or `>`.
        pieces: `strip` (one), `strips` or `tiles`.
        predictor: Samples are stored as differences.
        signed: Samples have a sign, without that any is negative.
        reversed_bits: The lowest bit of a byte comes first.
        subsampling: Columns and rows that have one colour together, of `ycbcr`.
    """

    colour: str
    bits: int = 8
    extras: tuple[int, ...] = ()
    planar: bool = False
    compression: str = "none"
    order: str = "<"
    pieces: str = "strip"
    predictor: bool = False
    signed: bool = False
    reversed_bits: bool = False
    subsampling: tuple[int, int] = (1, 1)

    @property
    def samples(self) -> int:
        return _CHANNELS[self.colour] + len(self.extras)

    def __str__(self) -> str:
        extras = "+".join(map(str, self.extras)) or "-"
        flags = [name for name in ("planar", "predictor", "signed") if getattr(self, name)]
        flags += ["reversed"] * self.reversed_bits
        flags += [] if self.subsampling == (1, 1) else [f"shared by {self.subsampling}"]
        order = "II" if self.order == "<" else "MM"
        words = [self.colour, self.bits, extras, self.compression, order, self.pieces, *flags]
        return " ".join(map(str, words))


def variants() -> Iterator[Variant]:
    """What programs write: every sensible combination."""
    for colour, bits, planar, compression, order, pieces in product(
        _CHANNELS,
        (1, 2, 4, 8, 12, 16, 32),
        (False, True),
        _COMPRESSION,
        "<>",
        ("strip", "strips", "tiles"),
    ):
        if (bits < 8 and _CHANNELS[colour] > 1) or (bits > 8 and colour in ("palette", "ycbcr")):
            continue
        for extras in ((), (IGNORED,), (ASSOCIATED,), (ALPHA,), (ALPHA, IGNORED)):
            if extras and (bits < 8 or colour in ("white", "ycbcr")):
                continue
            plain = Variant(colour, bits, extras, planar, compression, order, pieces)
            yield plain
            if colour == "ycbcr" and not planar:
                for subsampling in product((1, 2, 4), (1, 2, 4)):
                    yield replace(plain, subsampling=subsampling)
            if compression in ("lzw", "deflate") and bits in (8, 16):
                yield replace(plain, predictor=True)
            if colour in ("grey", "rgb") and bits in (8, 16):
                yield replace(plain, signed=True)
            if not extras and bits <= 8:
                yield replace(plain, reversed_bits=True)


def samples_of(variant: Variant) -> Samples:
    """The samples that are written: `(HEIGHT, WIDTH, samples)`."""
    most = (1 << (variant.bits - variant.signed)) - 1
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    scaled = [x / WIDTH, y / HEIGHT, (x + 2 * y) / (WIDTH + 2 * HEIGHT), (y + 30 - x % 20) / 90]
    channels = [scaled[i] for i in range(_CHANNELS[variant.colour])]
    across, down = variant.subsampling
    channels[1:] = [each[y - y % down, x - x % across] for each in channels[1:]]
    clear = 0.55 + 0.4 * x / WIDTH
    for kind in variant.extras:
        if kind == ASSOCIATED:
            channels = [channel * clear for channel in channels]
        channels.append(1 - y / HEIGHT if kind == IGNORED else clear)
    return np.stack([np.round(channel * most).astype(np.int64) for channel in channels], axis=-1)


def shown(variant: Variant) -> NDArray[np.uint8]:
    """The pixels that the samples mean: `(HEIGHT, WIDTH, 3)`, over white, rounded as it comes."""
    values, bits = samples_of(variant), variant.bits
    colours = _CHANNELS[variant.colour]
    full = values * 255 / ((1 << bits) - 1) if bits < 8 else values >> (bits - 8)
    base = full[..., :colours].astype(float)
    alpha = None
    for place, kind in enumerate(variant.extras):
        if kind != IGNORED:
            alpha = full[..., colours + place, None] / 255
            if kind == ASSOCIATED:
                base = base / alpha
    rgb = _rgb(variant, values, base)
    if alpha is not None:
        rgb = rgb * alpha + 255 * (1 - alpha)
    return np.clip(np.round(rgb), 0, 255).astype(np.uint8)


def _rgb(variant: Variant, values: Samples, base: NDArray[Any]) -> NDArray[Any]:
    if variant.colour == "palette":
        return (_palette(variant.bits) >> 8)[:, values[..., 0]].transpose(1, 2, 0).astype(float)
    if variant.colour == "cmyk":
        return (255 - base[..., :3]) * (255 - base[..., 3:]) / 255
    if variant.colour == "ycbcr":
        y, blue, red = np.moveaxis(base - [0, 128, 128], -1, 0)
        green = y - 0.344136 * blue - 0.714136 * red
        return np.stack([y + 1.402 * red, green, y + 1.772 * blue], axis=-1)
    grey = 255 - base if variant.colour == "white" else base
    return np.broadcast_to(grey, (*grey.shape[:2], 3))


def _palette(bits: int) -> NDArray[np.uint16]:
    steps = np.linspace(0, 255, 1 << bits).astype(np.uint16)
    return np.stack([steps[::-1], steps, steps // 2 + 20]) * 257


def tiff(variant: Variant, *more: tuple[int, int, Sequence[int]]) -> bytes:
    """Writes the variant.

    Args:
        variant: How.
        more: Further entries: tag, type and values.
    """
    values = samples_of(variant)
    planes = np.split(values, variant.samples, axis=-1) if variant.planar else [values]
    pieces = [_encoded(variant, piece) for plane in planes for piece in _pieces(variant, plane)]
    entries: list[tuple[int, int, Sequence[int]]] = [
        (256, _SHORT, [WIDTH]),
        (257, _SHORT, [HEIGHT]),
        (258, _SHORT, [variant.bits] * variant.samples),
        (259, _SHORT, [_COMPRESSION[variant.compression]]),
        (262, _SHORT, [_PHOTOMETRIC[variant.colour]]),
        (266, _SHORT, [1 + variant.reversed_bits]),
        (277, _SHORT, [variant.samples]),
        (284, _SHORT, [1 + variant.planar]),
        (317, _SHORT, [1 + variant.predictor]),
        (339, _SHORT, [1 + variant.signed] * variant.samples),
        *more,
    ]
    if variant.extras:
        entries.append((338, _SHORT, variant.extras))
    if variant.colour == "palette":
        entries.append((320, _SHORT, _palette(variant.bits).ravel().tolist()))
    if variant.colour == "ycbcr":
        entries.append((530, _SHORT, variant.subsampling))
    if variant.pieces == "tiles":
        entries += [(322, _SHORT, [_TILE]), (323, _SHORT, [_TILE])]
    else:
        entries.append((278, _SHORT, [_ROWS_A_STRIP if variant.pieces == "strips" else HEIGHT]))
    return _file(variant, entries, pieces)


def _file(
    variant: Variant, entries: list[tuple[int, int, Sequence[int]]], pieces: list[bytes]
) -> bytes:
    order, at = variant.order, 8
    places = []
    for piece in pieces:
        places.append(at)
        at += len(piece) + len(piece) % 2
    body = b"".join(piece + bytes(len(piece) % 2) for piece in pieces)
    tiles = variant.pieces == "tiles"
    entries.append((324 if tiles else 273, _LONG, places))
    entries.append((325 if tiles else 279, _LONG, [len(piece) for piece in pieces]))
    entries.sort()
    outside = at + 2 + 12 * len(entries) + 4
    directory, tail = struct.pack(order + "H", len(entries)), b""
    for tag, kind, values in entries:
        packed = struct.pack(f"{order}{len(values)}{'H' if kind == _SHORT else 'I'}", *values)
        if len(packed) > 4:
            tail, packed = tail + packed, struct.pack(order + "I", outside + len(tail))
        directory += struct.pack(order + "HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", at)
    return head + body + directory + bytes(4) + tail


def _pieces(variant: Variant, plane: Samples) -> Iterator[Samples]:
    if variant.pieces == "tiles":
        down, across = -HEIGHT % _TILE, -WIDTH % _TILE
        padded = np.pad(plane, ((0, down), (0, across), (0, 0)))
        for top, left in product(range(0, HEIGHT, _TILE), range(0, WIDTH, _TILE)):
            yield padded[top : top + _TILE, left : left + _TILE]
        return
    rows = _ROWS_A_STRIP if variant.pieces == "strips" else HEIGHT
    for top in range(0, HEIGHT, rows):
        yield plane[top : top + rows]


def _encoded(variant: Variant, piece: Samples) -> bytes:
    if variant.predictor:
        piece = np.concatenate([piece[:, :1], np.diff(piece, axis=1)], axis=1)
    if variant.subsampling != (1, 1):
        data = _in_units(piece, *variant.subsampling)
    elif variant.bits in (8, 16, 32):
        kind = f"{variant.order}u{variant.bits // 8}"
        data = (piece & ((1 << variant.bits) - 1)).astype(kind).tobytes()
    else:
        data = _packed(piece.reshape(len(piece), -1), variant.bits)
    data = _COMPRESSORS[variant.compression](data)
    if variant.reversed_bits:
        flipped = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
        data = np.packbits(flipped).tobytes()
    return data


def _in_units(piece: Samples, across: int, down: int) -> bytes:
    """Some pixels' brightness, then the colour that they share."""
    height, width, _ = piece.shape
    padded = np.pad(piece, ((0, -height % down), (0, -width % across), (0, 0)), mode="edge")
    units = padded.reshape(len(padded) // down, down, -1, across, 3).swapaxes(1, 2)
    light = units[..., 0].reshape(*units.shape[:2], -1)
    return np.concatenate([light, units[:, :, 0, 0, 1:]], axis=-1).astype(np.uint8).tobytes()


def _packed(rows: Samples, bits: int) -> bytes:
    each = rows[..., None] >> np.arange(bits)[::-1] & 1
    return np.packbits(each.reshape(len(rows), -1).astype(np.uint8), axis=1).tobytes()


def _lzw(data: bytes) -> bytes:
    """Single bytes, with the table cleared before codes grow longer than nine bits."""
    codes: list[int] = []
    for at in range(0, len(data), 200):
        codes += [256, *data[at : at + 200]]
    return _packed(np.array([[*codes, 257]]), 9)


def _packbits(data: bytes) -> bytes:
    runs = [data[at : at + 128] for at in range(0, len(data), 128)]
    return b"".join(bytes([len(run) - 1]) + run for run in runs)


_COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "none": bytes,
    "lzw": _lzw,
    "deflate": zlib.compress,
    "packbits": _packbits,
}
