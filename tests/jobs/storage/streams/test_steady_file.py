"""Files read from front to back from storage that fails, stalls and does not know ranges."""

import asyncio
import http.server
import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec import AbstractFileSystem
from fsspec.asyn import AsyncFileSystem

from jobs.storage.entry import Entry
from jobs.storage.local.local_tree import LocalTree
from jobs.storage.patience import Patience
from jobs.storage.remote.remote_path import RemotePath
from jobs.storage.remote.remote_stream import remote_stream
from jobs.storage.streams.byte_stream import StreamError
from jobs.storage.streams.steady_file import BLOCK, SteadyFile

QUICK = Patience(attempts=3, first_wait_s=0.001, longest_wait_s=0.001)
CONTENT = os.urandom(3 * BLOCK + 1000)


class Flaky(io.BytesIO):
    """Fails in every n-th read, after it has moved on."""

    reads = 0
    every = 2

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        Flaky.reads += 1
        if Flaky.reads % self.every == 0:
            raise ConnectionResetError
        return data


def flaky_at(offset: int) -> io.BytesIO:
    file = Flaky(CONTENT)
    file.seek(offset)
    return file


def read_all(file: SteadyFile, size: int = 1_000_003) -> bytes:
    pieces = []
    while data := file.read(size):
        pieces.append(data)
    return b"".join(pieces)


def local(folder: Path, start: int = 0) -> SteadyFile:
    file = LocalTree(str(folder)).open_stream(Entry("x", None, ""), start)
    assert isinstance(file, SteadyFile)
    return file


def test_reading_goes_on_where_an_error_stopped_it() -> None:
    assert read_all(SteadyFile(flaky_at, len(CONTENT), patience=QUICK)) == CONTENT


def test_reading_begins_and_skips_where_asked() -> None:
    file = SteadyFile(flaky_at, len(CONTENT), 1000, QUICK)
    first = file.read(10)
    file.skip(5000)
    assert (first, file.read(10)) == (CONTENT[1000:1010], CONTENT[6010:6020])


@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_skipping_ends_at_the_end(size: int | None) -> None:
    file = SteadyFile(flaky_at, size, patience=QUICK)
    file.skip(1 << 62)
    assert file.read(1) == b""


def test_skipping_a_local_file_ends_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"123")
    file = local(tmp_path)
    file.read(1)
    file.skip((1 << 63) - 10)  # farther than file systems go
    assert file.read(1) == b""
    file.close()


def test_a_local_file_that_grows_ends_where_it_did(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"0123456789")
    file = local(tmp_path)
    assert file.read(4) == b"0123"
    with open(tmp_path / "x", "ab") as more:
        more.write(b"more")
    assert file.read(100) == b"456789"
    file.close()


def test_errors_that_stay_say_why() -> None:
    def open_at(offset: int) -> io.BytesIO:
        raise ConnectionRefusedError

    with pytest.raises(StreamError, match="the storage failed with ConnectionRefusedError"):
        SteadyFile(open_at, None, patience=QUICK).read(1)


def test_what_is_not_there_is_asked_for_twice() -> None:
    opened = []

    def open_at(offset: int) -> io.BytesIO:
        opened.append(offset)
        raise FileNotFoundError

    with pytest.raises(StreamError, match="no longer there"):
        SteadyFile(open_at, None, patience=QUICK).read(1)
    assert opened == [0, 0]


def test_a_local_file_from_the_middle(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(CONTENT)
    file = local(tmp_path, 5)
    file.skip(BLOCK)
    assert read_all(file) == CONTENT[BLOCK + 5 :]
    file.close()


class Store(AsyncFileSystem):
    """An object store that stalls and resets connections."""

    cachable = False
    requests: list[tuple[int, int]]

    def __init__(self, faults: list[str]) -> None:
        super().__init__()
        self.faults = faults
        self.requests = []

    async def _cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **kwargs: Any
    ) -> bytes:
        self.requests.append((start or 0, end or 0))
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "stall":
            await asyncio.sleep(60)
        if fault == "reset":
            raise ConnectionResetError
        return b"" if fault == "cut" else CONTENT[start:end]


def test_an_object_is_read_in_ranges_each_with_a_deadline() -> None:
    fs = Store(["", "stall", "reset"])
    size = len(CONTENT)
    file = SteadyFile(remote_stream(RemotePath(fs, "x", 0.2), size), size, patience=QUICK)
    begin = time.monotonic()
    assert file.read(size + 1) == CONTENT
    assert time.monotonic() - begin < 30  # one stalled request takes 60 s
    ends = [*range(BLOCK, size, BLOCK), size]
    assert sorted(set(fs.requests)) == list(zip([0, *ends], ends, strict=False))
    assert len(fs.requests) == len(ends) + 2


def test_skipping_an_object_does_not_ask_for_it() -> None:
    fs = Store([])
    size = len(CONTENT)
    file = SteadyFile(remote_stream(RemotePath(fs, "x", 60), size), size, patience=QUICK)
    file.read(10)
    file.skip(2 * BLOCK)
    assert file.read(10) == CONTENT[2 * BLOCK + 10 :][:10]
    assert [start for start, _ in fs.requests] == [0, 2 * BLOCK + 10]


class Sftp(AbstractFileSystem):  # type: ignore[misc]
    """A file system that is not asynchronous, whose files hang, and hang when they are closed."""

    cachable = False

    def __init__(self, faults: list[str]) -> None:
        super().__init__()
        self.faults = faults
        self.requests: list[tuple[int, int]] = []
        self.opened = 0
        self.awake = threading.Event()

    def open(self, path: str, mode: str = "rb", **kwargs: Any) -> Any:
        self.opened += 1
        return Hanging(self)


class Hanging(io.BytesIO):
    def __init__(self, fs: Sftp) -> None:
        super().__init__(CONTENT)
        self._fs = fs
        self._hangs = False

    def read(self, size: int | None = -1, /) -> bytes:
        self._fs.requests.append((self.tell(), self.tell() + (size or 0)))
        fault = self._fs.faults.pop(0) if self._fs.faults else ""
        self._hangs = fault == "stall"
        if self._hangs:
            self._fs.awake.wait(60)
        if fault == "reset":
            raise ConnectionResetError
        return b"" if fault == "cut" else super().read(size)

    def close(self) -> None:
        if self._hangs:
            self._fs.awake.wait(60)
        super().close()


def test_a_file_that_is_not_asynchronous_is_opened_once_and_read_in_blocks() -> None:
    fs = Sftp([])
    size = len(CONTENT)
    file = SteadyFile(remote_stream(RemotePath(fs, "x", 60), size), size, patience=QUICK)
    assert read_all(file) == CONTENT
    ends = [*range(BLOCK, size, BLOCK), size]
    assert (fs.opened, fs.requests) == (1, list(zip([0, *ends], ends, strict=False)))


def test_a_file_that_hangs_is_opened_again() -> None:
    fs = Sftp(["", "stall", "reset", "cut"])
    size = len(CONTENT)
    file = SteadyFile(remote_stream(RemotePath(fs, "x", 0.2), size), size, patience=QUICK)
    begin = time.monotonic()
    assert read_all(file) == CONTENT
    assert time.monotonic() - begin < 30  # it hangs for 60 s
    assert fs.opened == 4
    fs.awake.set()


@pytest.mark.parametrize("faults", [["cut"], ["", "cut", "cut"]])
def test_nothing_is_not_taken_for_the_end(faults: list[str]) -> None:
    size = len(CONTENT)
    file = SteadyFile(remote_stream(RemotePath(Store(faults), "x", 60), size), size, patience=QUICK)
    assert file.read(size) == CONTENT


def test_a_file_that_became_shorter_says_so() -> None:
    file = SteadyFile(lambda offset: io.BytesIO(CONTENT[:100][offset:]), 200, patience=QUICK)
    assert file.read(100) == CONTENT[:100]
    with pytest.raises(StreamError, match="became shorter while it was read"):
        file.read(1)


# Web servers

Serve = Callable[..., tuple[SteadyFile, list[str | None]]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server whose connections end, or stall, after so many bytes of the body."""
    servers = []

    def start(ranges: bool, bodies: list[int], stall: bool = False) -> Any:
        asked: list[str | None] = []
        done = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                asked.append(self.headers["Range"])
                begin = int(asked[-1][6:-1]) if ranges and asked[-1] else 0
                self.send_response(206 if begin else 200)
                self.send_header("Content-Length", str(len(CONTENT) - begin))
                self.end_headers()
                length = bodies.pop(0) if bodies else len(CONTENT)
                self.wfile.write(CONTENT[begin:][:length])
                if stall and length < len(CONTENT) - begin:
                    done.wait(60)
                self.close_connection = True

            def log_message(self, format: str, *args: object) -> None: ...

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append((server, done))
        url = f"http://127.0.0.1:{server.server_address[1]}/x.tar"
        fs = fsspec.filesystem("http", skip_instance_cache=True)
        opening = remote_stream(RemotePath(fs, url, 0.5), None)
        return SteadyFile(opening, None, patience=QUICK), asked

    yield start
    for server, done in servers:
        done.set()
        server.shutdown()
        server.server_close()


def test_a_page_is_one_request(serve: Serve) -> None:
    file, asked = serve(ranges=False, bodies=[])
    assert read_all(file) == CONTENT
    assert asked == [None]


@pytest.mark.parametrize("ranges", [False, True])
@pytest.mark.parametrize("stall", [False, True])
def test_a_page_that_breaks_off_is_read_on(serve: Serve, ranges: bool, stall: bool) -> None:
    file, asked = serve(ranges=ranges, bodies=[BLOCK + 1234], stall=stall)
    assert read_all(file) == CONTENT
    assert len(asked) == 2
    assert asked[1] is not None
