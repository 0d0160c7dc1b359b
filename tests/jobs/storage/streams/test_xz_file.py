"""The content of xz files, as the library's own reader gives it, but in bounded memory."""

import io
import lzma
import struct
import zlib

import numpy as np
import pytest

from jobs.storage.streams.xz_file import XzFile


def content(data: bytes, size: int = 1000) -> bytes:
    file = XzFile(io.BytesIO(data))
    return b"".join(iter(lambda: file.read(size), b""))


def test_streams_one_after_the_other_with_padding(rng: np.random.Generator) -> None:
    parts = [rng.bytes(200_000), b"", rng.bytes(3), bytes(300_000)]
    padding = [b"", bytes(4), bytes(100_000), bytes(8)]
    data = b"".join(lzma.compress(a) + b for a, b in zip(parts, padding, strict=True))
    assert content(data) == b"".join(parts)


@pytest.mark.parametrize("end", [1, 20, -1])
def test_a_stream_that_is_cut(end: int) -> None:
    with pytest.raises(EOFError):
        content(lzma.compress(bytes(5000))[:end])


@pytest.mark.parametrize("damaged", [b"no xz stream", lzma.compress(b"x") + b"no xz stream"])
def test_what_is_no_stream(damaged: bytes) -> None:
    with pytest.raises(lzma.LZMAError):
        content(damaged)


def test_a_stream_that_wants_a_gigabyte_is_not_read() -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 30}]
    # A compressor of such a dictionary takes gigabytes itself, so only the header says so.
    small = lzma.compress(b"x", filters=[{**filters[0], "dict_size": 4096}])
    header = bytearray(small[12:24])
    assert header[2:5] == b"\x21\x01\x00"  # LZMA2, one byte of properties, 4 KiB
    header[4] = 36  # 1 GiB
    header[-4:] = struct.pack("<I", zlib.crc32(header[:-4]))
    with pytest.raises(lzma.LZMAError, match=r"[Mm]emory"):
        content(small[:12] + bytes(header) + small[24:])
