"""Pages of web servers that do not end."""

from __future__ import annotations

import contextlib
import gzip
import http.server
import threading
import tracemalloc
from collections.abc import Iterator

import fsspec
import pytest

from jobs.storage.entry import Entry
from jobs.storage.read_error import ReadError
from jobs.storage.remote.remote_tree import RemoteTree

pytest.importorskip("aiohttp")

_MOST = 4 << 20
_BOMB = gzip.compress(bytes(256 << 20))


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        if self.path == "/bomb":
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(_BOMB)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(_BOMB if self.path == "/bomb" else bytes(_MOST))
            while self.path == "/endless":
                self.wfile.write(bytes(1 << 20))

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def read(url: str, name: str, size: int | None = None) -> bytes | ReadError:
    tree = RemoteTree(fsspec.filesystem("http"), url)
    return tree.read(Entry(name, size, ""), _MOST)


@pytest.mark.parametrize("name", ["endless", "bomb"])
@pytest.mark.parametrize("size", [None, 1000])
def test_a_page_without_end_is_not_read_on(url: str, name: str, size: int | None) -> None:
    tracemalloc.start()
    try:
        data = read(url, name, size)
        assert tracemalloc.get_traced_memory()[1] < 8 * _MOST
    finally:
        tracemalloc.stop()
    assert data == ReadError("too_large", f"the file has more than the {_MOST} bytes allowed")


def test_a_page_as_long_as_allowed_is_read(url: str) -> None:
    assert read(url, "page") == bytes(_MOST)
