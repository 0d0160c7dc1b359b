from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.storage.remote.remote_file import open_remote

DATA = bytes(range(256)) * 40_000  # more than two blocks


def asked_of(data: bytes) -> tuple[io.BufferedReader, list[tuple[int, int]]]:
    asked: list[tuple[int, int]] = []

    def read(start: int, stop: int) -> bytes:
        asked.append((start, stop))
        return data[start:stop]

    file = open_remote(len(data), read)
    assert isinstance(file, io.BufferedReader)
    return file, asked


def test_it_is_read_to_its_end() -> None:
    file, _ = asked_of(DATA)
    assert file.read() == DATA
    assert file.read(1) == b""


def test_it_is_read_in_large_blocks() -> None:
    file, asked = asked_of(DATA)
    while file.read(1000):
        pass
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("offset", "whence", "place"),
    [(300, io.SEEK_SET, 300), (-7, io.SEEK_END, len(DATA) - 7), (5, io.SEEK_CUR, 15)],
)
def test_it_is_read_anywhere(offset: int, whence: int, place: int) -> None:
    file, _ = asked_of(DATA)
    file.read(10)
    assert file.seek(offset, whence) == place
    assert file.read(5) == DATA[place : place + 5]


def test_nothing_is_asked_beyond_the_end() -> None:
    file, asked = asked_of(b"abc")
    file.seek(10)
    assert (file.read(), asked) == (b"", [])


def test_arrow_reads_parquet_from_it() -> None:
    table = pa.table({"a": list(range(1000))})
    sink = io.BytesIO()
    pq.write_table(table, sink)
    file, _ = asked_of(sink.getvalue())
    assert pq.ParquetFile(file).read().equals(table)


def test_errors_come_through() -> None:
    def read(start: int, stop: int) -> bytes:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        open_remote(10, read).read()
