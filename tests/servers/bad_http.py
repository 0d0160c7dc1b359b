"""A web server that fails, stalls and cuts its answers short, on purpose and path by path."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl

_STALLS_AT_MOST_S = 60


@dataclass(frozen=True)
class Answer:
    """What the server does with one request.

    Attributes:
        status: HTTP status.
        body: What follows the headers.
        length: Content-Length; "true" is that of the body, None sends none and closes.
        stall: Where the server stops for as long as it lives.
        needs: Header `Authorization` that is asked for with 401.
        kind: Content-Type.
    """

    status: int = 200
    body: bytes = b""
    length: int | Literal["true"] | None = "true"
    stall: Literal["before", "within"] | None = None
    needs: str | None = None
    kind: str = "application/octet-stream"


@dataclass
class BadServer:
    """The script of a server, and what it was asked.

    Attributes:
        url: Its address, without a slash at the end.
        asked: Path with query -> number of GET requests.
    """

    url: str
    asked: Counter[str] = field(default_factory=Counter)
    _scripts: dict[str, list[Answer]] = field(default_factory=dict)
    _closed: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def script(self, path: str, *answers: Answer) -> str:
        """Gives a path its answers, in order; the last is repeated. Returns its URL."""
        self._scripts[_decoded(path)] = list(answers)
        return self.url + path

    def next(self, path: str, count: bool) -> Answer:
        """The answer that is due; only GET uses it up."""
        with self._lock:
            script = self._scripts.get(_decoded(path)) or [Answer(404)]
            self.asked[path] += count
            return script.pop(0) if count and len(script) > 1 else script[0]

    def stall(self) -> None:
        """Waits until the server is shut down."""
        self._closed.wait(_STALLS_AT_MOST_S)


def _decoded(path: str) -> str:
    # There are several ways to write the same query.
    path, _, query = path.partition("?")
    return f"{path}?{sorted(parse_qsl(query))}"


@contextlib.contextmanager
def bad_server() -> Iterator[BadServer]:
    """Runs the server for the block, on threads."""

    class Handler(_Handler):
        server_of: BadServer

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing of clients that hang up."""

    with Server(("127.0.0.1", 0), Handler) as server:
        Handler.server_of = bad = BadServer(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield bad
        bad._closed.set()
        server.shutdown()


class _Handler(http.server.BaseHTTPRequestHandler):
    server_of: BadServer

    def do_HEAD(self) -> None:
        # A stall or failure is that of GET; HEAD tells what is there, and never the length that
        # GET keeps to itself.
        answer = self.server_of.next(self.path, count=False)
        self._begin(answer)

    def do_GET(self) -> None:
        answer = self.server_of.next(self.path, count=True)
        if answer.stall == "before":
            self.server_of.stall()
            return
        if not self._begin(answer):
            return
        half = len(answer.body) // 2 if answer.stall == "within" else len(answer.body)
        self.wfile.write(answer.body[:half])
        self.wfile.flush()
        if answer.stall == "within":
            self.server_of.stall()
        self.close_connection = True

    def _begin(self, answer: Answer) -> bool:
        """Sends the headers; whether a body follows."""
        refused = answer.needs is not None and self.headers.get("Authorization") != answer.needs
        self.send_response(401 if refused else answer.status)
        if answer.length is not None:
            length = len(answer.body) if answer.length == "true" else answer.length
            self.send_header("Content-Length", "0" if refused else str(length))
        self.send_header("Content-Type", answer.kind)
        self.end_headers()
        return not refused

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
