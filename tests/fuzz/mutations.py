"""Damaged files out of whole ones, for the fuzz harnesses.

A plain seeded mutator rather than a coverage-guided fuzzer or Hypothesis: the parsers under test
are mostly C without instrumentation, which leaves the guided kind blind; nothing here needs
shrinking, as an input is known by two numbers and written out when it is found.

    whole = [Sample("one.png", data, split=png_chunks, repair=png_checksums), ...]
    name, data = mutated(whole, seed=7, index=1234)     # the same for the same three

`split` tells where the format's own pieces (chunks, segments, boxes, headers) begin and end, so
that they can be dropped, doubled, moved and put into other files, and so that their first bytes,
where lengths and dimensions are, are hit more often. `repair` writes checksums anew, or none of the
damage would get past them.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Split = Callable[[bytes], list[bytes]]
Repair = Callable[[bytes], bytes]

_HEAD = 32  # bytes of a piece that hold its length, kind and dimensions
_NUMBERS = (
    *(0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000),
    *(0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF),
)
_INTEGERS = (">B", ">H", "<H", ">I", "<I", ">Q", "<Q")
_MOST_BYTES = 1 << 20  # of one input; doubling would go on for ever


def whole(data: bytes) -> list[bytes]:
    """The split of a format without pieces."""
    return [data]


def untouched(data: bytes) -> bytes:
    """The repair of a format without checksums."""
    return data


@dataclass(frozen=True)
class Sample:
    """A valid file to start from.

    Attributes:
        name: Told with a finding.
        data: The file.
        split: Into pieces that joined are the file again, for whatever bytes it gets.
        repair: Makes checksums right, for whatever bytes it gets.
        signature: How many bytes at its beginning are mostly put back, or little else would be
            tried than how a file without its signature is refused.
    """

    name: str
    data: bytes
    split: Split = whole
    repair: Repair = untouched
    signature: int = 0


def mutated(samples: Sequence[Sample], *, seed: int, index: int) -> tuple[str, bytes]:
    """Makes one damaged file; the same arguments give the same file on every machine.

    Returns:
        The name of the sample that it began as, and its bytes.
    """
    rng = random.Random(f"{seed}/{index}")
    sample, other = rng.choice(samples), rng.choice(samples)
    data = sample.data
    for _ in range(min(8, 1 + int(rng.expovariate(0.7)))):
        if rng.random() < 0.5:
            data = rng.choice(_BYTEWISE)(rng, data)
        else:
            data = rng.choice(_PIECEWISE)(rng, sample, data, other)
        data = data[:_MOST_BYTES]
    if rng.random() < 0.9:
        data = sample.data[: sample.signature] + data[sample.signature :]
    return sample.name, sample.repair(data) if rng.random() < 0.8 else data


def _place(rng: random.Random, data: bytes) -> int:
    """An offset, more often near the beginning."""
    return int(rng.random() ** rng.choice((1, 3)) * len(data))


def _flip_bits(rng: random.Random, data: bytes) -> bytes:
    edited = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 64)) if data else 0):
        edited[_place(rng, data)] ^= 1 << rng.randrange(8)
    return bytes(edited)


def _set_bytes(rng: random.Random, data: bytes) -> bytes:
    at, length = _place(rng, data), rng.choice((1, 1, 4, 16, 256))
    value = rng.choice((b"\0", b"\xff", b" ", rng.randbytes(1), b""))
    new = value * length if value else rng.randbytes(length)
    return data[:at] + new + data[at + length :]


def _set_number(rng: random.Random, data: bytes) -> bytes:
    return _number_at(rng, data, _place(rng, data))


def _number_at(rng: random.Random, data: bytes, at: int) -> bytes:
    layout = rng.choice(_INTEGERS)
    size = struct.calcsize(layout)
    if at + size > len(data):
        return data
    (old,) = struct.unpack_from(layout, data, at)
    value = rng.choice((rng.choice(_NUMBERS), old + rng.randrange(-4, 5), old * 2, old // 2))
    return data[:at] + struct.pack(layout, value % (1 << 8 * size)) + data[at + size :]


def _truncate(rng: random.Random, data: bytes) -> bytes:
    return data[: int((1 - rng.random() ** 2) * len(data))]


def _cut_out(rng: random.Random, data: bytes) -> bytes:
    at = _place(rng, data)
    return data[:at] + data[at + rng.choice((1, 2, 4, 16, 256)) :]


def _repeat_block(rng: random.Random, data: bytes) -> bytes:
    at, length = _place(rng, data), rng.choice((1, 4, 16, 256, 4096))
    return data[:at] + data[at : at + length] * rng.choice((2, 2, 3, 50)) + data[at + length :]


def _insert_noise(rng: random.Random, data: bytes) -> bytes:
    at = _place(rng, data)
    return data[:at] + rng.randbytes(rng.choice((1, 2, 4, 16, 256))) + data[at:]


def _drop_piece(rng: random.Random, sample: Sample, data: bytes, other: Sample) -> bytes:
    pieces = sample.split(data)
    if pieces:
        del pieces[rng.randrange(len(pieces))]
    return b"".join(pieces)


def _double_piece(rng: random.Random, sample: Sample, data: bytes, other: Sample) -> bytes:
    pieces = sample.split(data)
    if pieces:
        at = rng.randrange(len(pieces))
        pieces[at:at] = [pieces[at]] * rng.choice((1, 1, 2, 100))
    return b"".join(pieces)


def _move_piece(rng: random.Random, sample: Sample, data: bytes, other: Sample) -> bytes:
    pieces = sample.split(data)
    if pieces:
        piece = pieces.pop(rng.randrange(len(pieces)))
        pieces.insert(rng.randrange(len(pieces) + 1), piece)
    return b"".join(pieces)


def _borrow_piece(rng: random.Random, sample: Sample, data: bytes, other: Sample) -> bytes:
    pieces = sample.split(data)
    at = rng.randrange(len(pieces) + 1)
    pieces[at : at + rng.randrange(2)] = [rng.choice(other.split(other.data))]
    return b"".join(pieces)


def _splice(rng: random.Random, sample: Sample, data: bytes, other: Sample) -> bytes:
    return data[: _place(rng, data)] + other.data[_place(rng, other.data) :]


def _number_in_a_head(rng: random.Random, sample: Sample, data: bytes, other: Sample) -> bytes:
    pieces = sample.split(data)
    if not pieces:
        return data
    chosen = rng.randrange(len(pieces))
    begins = sum(map(len, pieces[:chosen]))
    return _number_at(rng, data, begins + rng.randrange(max(1, min(_HEAD, len(pieces[chosen])))))


_BYTEWISE = (
    _flip_bits,
    _set_bytes,
    _set_number,
    _truncate,
    _cut_out,
    _repeat_block,
    _insert_noise,
)
_PIECEWISE = (
    _drop_piece,
    _double_piece,
    _move_piece,
    _borrow_piece,
    _splice,
    _number_in_a_head,
    _number_in_a_head,
    _number_in_a_head,
)
