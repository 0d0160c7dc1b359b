"""A file read in ranges: positions, storage that fails now and then, and web servers."""

from __future__ import annotations

import http.server
import io
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.storage.faults import CutOffError, NoRangesError
from jobs.storage.local.local_tree import LocalTree
from jobs.storage.read_error import ReadError
from jobs.storage.remote.remote_tree import RemoteTree
from jobs.storage.streams.range_file import BLOCK, RangeError, RangeFile, Ranges

DATA = bytes(range(200))


@pytest.fixture
def local(tmp_path: Path) -> Iterator[RangeFile]:
    (tmp_path / "x").write_bytes(DATA)
    file = LocalTree(str(tmp_path)).open_ranges("x", None)
    assert isinstance(file, RangeFile)
    with file:
        yield file


def test_it_reads_from_where_it_is(local: RangeFile) -> None:
    assert (local.read(3), local.tell(), local.read(2)) == (DATA[:3], 3, DATA[3:5])


@pytest.mark.parametrize(
    ("offset", "whence", "place"),
    [(7, os.SEEK_SET, 7), (7, os.SEEK_CUR, 17), (-7, os.SEEK_END, 193)],
)
def test_it_seeks(local: RangeFile, offset: int, whence: int, place: int) -> None:
    local.seek(10)
    assert local.seek(offset, whence) == place
    assert local.read(1) == DATA[place : place + 1]


def test_at_its_end_there_is_nothing(local: RangeFile) -> None:
    local.seek(198)
    assert (local.read(10), local.read(10), local.read()) == (DATA[198:], b"", b"")


def test_a_part_that_is_missing_is_told() -> None:
    file = RangeFile(len(DATA), lambda start, stop: DATA[start : stop - 1])
    with pytest.raises(RangeError):
        file.read(20)
    assert file.failure == ReadError("unreadable", "the file became shorter while it was read")


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    tree = LocalTree(str(tmp_path))
    assert tree.open_ranges("fifo", None) == ReadError(
        "unsupported", "not a regular file but a FIFO"
    )


# Behind a buffer


LARGE = bytes(range(256)) * 40_000  # more than two blocks


def asked_of(data: bytes) -> tuple[io.BufferedReader, list[tuple[int, int]]]:
    asked: list[tuple[int, int]] = []

    def read(start: int, stop: int) -> bytes:
        asked.append((start, stop))
        return data[start:stop]

    return io.BufferedReader(Ranges(len(data), read), BLOCK), asked


@pytest.mark.parametrize("size", [1000, -1])
def test_it_is_read_in_large_blocks_to_its_end(size: int) -> None:
    file, asked = asked_of(LARGE)
    assert b"".join(iter(lambda: file.read(size), b"")) == LARGE
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("offset", "whence", "place"),
    [(300, io.SEEK_SET, 300), (-7, io.SEEK_END, len(LARGE) - 7), (5, io.SEEK_CUR, 15)],
)
def test_it_is_read_anywhere(offset: int, whence: int, place: int) -> None:
    file, _ = asked_of(LARGE)
    file.read(10)
    assert file.seek(offset, whence) == place
    assert file.read(5) == LARGE[place : place + 5]


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
        io.BufferedReader(Ranges(10, read)).read()


@pytest.mark.parametrize(("came", "error"), [(9, CutOffError), (11, NoRangesError)])
def test_a_part_of_another_length_is_an_error(came: int, error: type[OSError]) -> None:
    with pytest.raises(error):
        Ranges(20, lambda start, stop: bytes(came)).read(10)


# Web servers


class Web(http.server.BaseHTTPRequestHandler):
    """A web server with one file, which fails as often as it is told to."""

    failures: ClassVar[int]
    ranges: ClassVar[bool]

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(DATA)))
        self.end_headers()

    def do_GET(self) -> None:
        if Web.failures:
            Web.failures -= 1
            self.send_error(503)
            return
        asked = self.headers.get("Range") if Web.ranges else None
        start, stop = 0, len(DATA)
        if asked is not None:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, stop = int(first), int(last) + 1
        self.send_response(200 if asked is None else 206)
        self.send_header("Content-Length", str(stop - start))
        self.end_headers()
        self.wfile.write(DATA[start:stop])

    def log_message(self, format: str, *args: object) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def web() -> Iterator[RangeFile]:
    pytest.importorskip("aiohttp")
    Web.failures, Web.ranges = 0, True
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    root = f"http://127.0.0.1:{server.server_port}"
    file = RemoteTree(fsspec.filesystem("http"), root).open_ranges("x", None)
    assert isinstance(file, RangeFile)
    yield file
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_web_server_is_asked_for_ranges(web: RangeFile) -> None:
    web.seek(50)
    assert (web.size, web.read(20)) == (200, DATA[50:70])


def test_a_failure_that_passes_is_not_seen(web: RangeFile) -> None:
    Web.failures = 2
    assert web.read(20) == DATA[:20]
    assert web.failure is None


def test_a_failure_that_stays_is_told(web: RangeFile) -> None:
    Web.ranges = False
    with pytest.raises(RangeError):
        web.read(20)
    assert web.failure == ReadError("unreadable", "the storage cannot read parts of a file")
