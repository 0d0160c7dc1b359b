"""Small valid tar archives of every kind that is read, for the fuzz harness to damage."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import random
import tarfile
from collections.abc import Callable, Sequence

from tests.fuzz.mutations import Sample

BLOCK = 512
_MAGIC = b"ustar"
# Of a header: offset and length of each number, then its type, then what begins its magic.
_SIZE, _NUMBERS = (124, 12), ((100, 8), (108, 8), (116, 8), (136, 12), (329, 8), (337, 8))
_CHECKSUM, _TYPE, _MAGIC_AT = slice(148, 156), 156, 257
_TYPES = b"\x000123456757gxXLKSDVMNZ\xff"
_COMPRESSIONS: tuple[Callable[[bytes], bytes], ...] = (
    lambda data: gzip.compress(data, 1, mtime=0),
    lambda data: bz2.compress(data, 1),
    lambda data: lzma.compress(data, preset=0),
)


def samples() -> list[Sample]:
    """Archives by format and by what is in them."""
    return [Sample(name, data, split=blocks, repair=checksums) for name, data in _archives()]


def field_damaged(rng: random.Random, data: bytes) -> bytes:
    """A number or the type of one header made to say something else."""
    at = rng.randrange(max(1, len(data) // BLOCK)) * BLOCK
    header = bytearray(data[at : at + BLOCK])
    if len(header) < BLOCK:
        return data
    if rng.random() < 0.4:
        header[_TYPE] = rng.choice(_TYPES)
    else:
        begin, length = rng.choice((_SIZE, _SIZE, *_NUMBERS))
        header[begin : begin + length] = _number(rng, length)
    return data[:at] + bytes(header) + data[at + BLOCK :]


def compressed(rng: random.Random, data: bytes) -> bytes:
    """The archive in one of the ways that are read, sometimes damaged in turn."""
    data = rng.choice(_COMPRESSIONS)(data)
    if rng.random() < 0.5 and data:
        at = rng.randrange(len(data))
        data = data[:at] + rng.choice((b"", rng.randbytes(4), rng.randbytes(4) + data[at + 4 :]))
    return data


def blocks(data: bytes) -> list[bytes]:
    """The archive in blocks of a header's size."""
    return [data[at : at + BLOCK] for at in range(0, len(data), BLOCK)]


def checksums(data: bytes) -> bytes:
    """Makes the checksum of every header right."""
    return b"".join(_sealed(piece) if _is_header(piece) else piece for piece in blocks(data))


def _is_header(block: bytes) -> bool:
    return len(block) == BLOCK and block[_MAGIC_AT : _MAGIC_AT + len(_MAGIC)] == _MAGIC


def _sealed(header: bytes) -> bytes:
    total = sum(header) - sum(header[_CHECKSUM]) + 8 * ord(" ")
    return header[: _CHECKSUM.start] + b"%06o\0 " % total + header[_CHECKSUM.stop :]


def _without_magic(header: bytes) -> bytes:
    return _sealed(header[:_MAGIC_AT] + bytes(BLOCK - _MAGIC_AT))


def _number(rng: random.Random, length: int) -> bytes:
    value = rng.choice(
        (0, 1, 511, 512, 513, 1 << 20, (1 << 20) + 1, 1 << 31, 8 ** (length - 1) - 1)
    )
    if rng.random() < 0.5:
        return f"{value:0{length - 1}o}".encode()[-length + 1 :] + b"\0"
    kind = rng.choice((b"\x80", b"\xff", b"-", b" ", b"_"))
    number = (value << rng.choice((0, 8, 40, 80))).to_bytes(32, "big")[-length + 1 :]
    return kind + number


def _archives() -> list[tuple[str, bytes]]:
    photo = bytes(range(256)) * 3
    named: list[tuple[str, bytes]] = []
    for name, format in (
        ("ustar", tarfile.USTAR_FORMAT),
        ("gnu", tarfile.GNU_FORMAT),
        ("pax", tarfile.PAX_FORMAT),
    ):
        names = ["a.jpg", "d/b.jpg", "d" * 90 + "/" + "e" * 90 + ".jpg"]
        names += [] if name == "ustar" else ["f" * 300 + "/é.jpg", "up/../../x.jpg", "\udcff.jpg"]
        files = [_file(each, photo[:n]) for n, each in enumerate(names, 500)]
        named.append((name, _archive(format, files)))
    samples = [_file("s/1.jpg", photo), _file("s/1.cls", b"7"), _file("s/2.cls", b"8")]
    samples += [_file("s/2.png", b""), _file("s/2.json", json.dumps({"label": "x"}).encode())]
    others = [_file("link", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd")]
    others += [_file("hard", b"", type=tarfile.LNKTYPE, linkname="l" * 200)]
    others += [_file("null", b"", type=tarfile.CHRTYPE), _file("fifo", b"", type=tarfile.FIFOTYPE)]
    others += [
        _file("folder", b"", type=tarfile.DIRTYPE),
        _file("a.jpg", photo),
        _file("a.jpg", b""),
    ]
    sized = _file("b.jpg", photo)
    sized[0].pax_headers = {"path": "long/" * 60 + "b.jpg", "size": str(len(photo)), "comment": "c"}
    sparse = _file("holes.jpg", b"1\n0\n512\n".ljust(BLOCK, b"\0") + photo[:512])
    sparse[0].pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
    sparse[0].pax_headers |= {"GNU.sparse.name": "holes.jpg", "GNU.sparse.realsize": "1048576"}
    old = _file("old.jpg", photo[:512], type=tarfile.GNUTYPE_SPARSE)
    named += [
        ("samples", _archive(tarfile.PAX_FORMAT, samples)),
        ("no files", _archive(tarfile.GNU_FORMAT, others)),
        ("pax records", _archive(tarfile.PAX_FORMAT, [sized, sparse, samples[0]])),
        ("sparse", _archive(tarfile.GNU_FORMAT, [old, samples[0]])),
    ]
    first, second = named[1][1], named[3][1]
    v7 = b"".join(_without_magic(each) if _is_header(each) else each for each in blocks(first))
    named += [("concatenated", first + second), ("old", v7), ("inner", first[:BLOCK] + second)]
    return named


def _file(name: str, data: bytes, **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def _archive(format: int, files: Sequence[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    out = io.BytesIO()
    headers = {"comment": "of all"} if format == tarfile.PAX_FORMAT else None
    with tarfile.open(fileobj=out, mode="w", format=format, pax_headers=headers) as tar:
        for info, data in files:
            tar.addfile(info, io.BytesIO(data))
        end = tar.offset
    return out.getvalue()[:end] + bytes(2 * BLOCK)
