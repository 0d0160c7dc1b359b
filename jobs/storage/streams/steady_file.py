"""A file that is read from front to back, on this machine or behind fsspec."""

from collections.abc import Callable
from typing import Any, BinaryIO, Protocol

from fsspec.asyn import AsyncFileSystem

from jobs.storage.local.regular_file import open_regular
from jobs.storage.patience import PATIENCE, CutOffError, Patience, ask, retrying
from jobs.storage.read_error import reason
from jobs.storage.remote.web_page import is_page

# One request to remote storage.
BLOCK = 8 << 20
_ONCE = Patience(attempts=1)


class StreamError(Exception):
    """The rest of a file cannot be read; the message is that of a `ReadError`."""


class Opened(Protocol):
    """What a `SteadyFile` needs of the files it opens."""

    def read(self, size: int, /) -> bytes:
        """Up to so many bytes; none at the end."""
        ...

    def close(self) -> object:
        """Let go of it."""
        ...


class SteadyFile:
    """Reads on where it was after errors that pass, with the file opened anew.

    Args:
        open_at: Opens the file to read from an offset, which is at most `size`.
        size: Bytes in the file if it can be opened anywhere; None to skip by reading.
        offset: Where to begin.
        patience: How often to try again after errors that pass, besides once at once after any.
    """

    def __init__(
        self,
        open_at: Callable[[int], Opened],
        size: int | None,
        offset: int = 0,
        patience: Patience = PATIENCE,
    ) -> None:
        """Open nothing yet."""
        self._open_at = open_at
        self._size = size
        self._offset = offset
        self._retrying = retrying(patience)
        self._file: Opened | None = None

    def read(self, size: int) -> bytes:
        """Read `size` bytes; fewer only at the end of the file.

        Raises:
            StreamError: Storage does not give them.
        """
        data = self._piece(size)
        if len(data) in (0, size):
            return data
        pieces = [data]
        left = size - len(data)
        while left and (data := self._piece(left)):
            pieces.append(data)
            left -= len(data)
        return b"".join(pieces)

    def skip(self, size: int) -> None:
        """Pass over bytes, at most up to the end of the file.

        Raises:
            StreamError: Storage does not give them.
        """
        if self._size is not None:
            if size > 0:
                self._offset = min(self._offset + size, self._size)
                seek = getattr(self._file, "seek", None)
                if seek is not None:
                    seek(self._offset)
            return
        while size and (data := self._piece(size)):
            size -= len(data)

    def close(self) -> None:
        """Let go of the file."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _piece(self, size: int) -> bytes:
        size = min(size, BLOCK)
        if self._size is not None:  # one that somebody writes to would not end
            size = min(size, self._size - self._offset)
        try:
            try:
                data = self._attempt(size)
            except Exception:
                # Not at once: a call of the policy takes 30 us, longer than to read a header.
                data = self._retrying(self._attempt, size)
        except Exception as error:  # each file system has its own classes
            raise StreamError(reason(error)) from error
        self._offset += len(data)
        return data

    def _attempt(self, size: int) -> bytes:
        if self._file is None:
            self._file = self._open_at(self._offset)
        try:
            data = self._file.read(size)
            if size and not data and self._size is not None:
                raise CutOffError
            return data
        except BaseException:
            self.close()
            raise


def open_local(path: str, buffering: int = 1 << 20) -> Callable[[int], Opened]:
    """Opens a file of this machine, with a buffer of so many bytes."""

    def open_at(offset: int) -> BinaryIO:
        file = open_regular(path, buffering)
        file.seek(offset)
        return file

    return open_at


def open_remote(fs: Any, path: str, size: int | None, timeout_s: float) -> Callable[[int], Opened]:
    """Opens a file behind fsspec such that it streams; a request takes `timeout_s` at most."""
    if is_page(path):
        return lambda offset: _Page(fs, path, offset, timeout_s)
    if size is not None:
        kind = _Ranges if isinstance(fs, AsyncFileSystem) else _Stretches
        return lambda offset: kind(fs, path, offset, size, timeout_s)

    def open_at(offset: int) -> BinaryIO:
        file: BinaryIO = fs.open(path, "rb", block_size=BLOCK, cache_type="readahead")
        file.seek(offset)
        return file

    return open_at


class _Page:
    """A page of a web server: one request, since many servers do not know ranges."""

    def __init__(self, fs: Any, path: str, offset: int, timeout_s: float) -> None:
        from aiohttp import ClientTimeout  # an extra, and installed where there is such an fs

        headers = {**(fs.kwargs.get("headers") or {}), "Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        # Not for the whole: a large page takes as long as its photos.
        timeout = ClientTimeout(total=None, sock_connect=timeout_s, sock_read=timeout_s)
        # With some size given, it is not asked for first.
        self._file = fs.open(path, "rb", block_size=0, size=1, headers=headers, timeout=timeout)
        partial = self._file.r.status == 206
        while not partial and offset and (data := self.read(min(offset, BLOCK))):
            offset -= len(data)

    def read(self, size: int) -> bytes:
        return bytes(self._file.read(size))

    def close(self) -> None:
        self._file.close()


class _Ranges:
    """An object read in large ranges, each a request with a time limit."""

    def __init__(self, fs: Any, path: str, offset: int, size: int, timeout_s: float) -> None:
        self._fs = fs
        self._path = path
        self._size = size
        self._timeout_s = timeout_s
        self._offset = offset
        self._start = 0
        self._block = memoryview(b"")

    def seek(self, offset: int) -> None:
        self._offset = offset

    def read(self, size: int) -> bytes:
        if not self._start <= self._offset < self._start + len(self._block):
            stop = min(self._offset + BLOCK, self._size)
            self._block = memoryview(self._fetched(stop) if self._offset < stop else b"")
            self._start = self._offset
        begin = self._offset - self._start
        data = bytes(self._block[begin : begin + size])
        self._offset += len(data)
        return data

    def close(self) -> None:
        self._block = memoryview(b"")

    def _fetched(self, stop: int) -> bytes:
        # Who reads tries again.
        data: bytes = ask(
            self._fs.cat_file,
            self._path,
            start=self._offset,
            end=stop,
            timeout_s=self._timeout_s,
            patience=_ONCE,
        )
        return data


class _Stretches(_Ranges):
    """A file of a file system that is not asynchronous; opened once, since some inflate it."""

    _file: BinaryIO | None = None

    def close(self) -> None:
        super().close()
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _fetched(self, stop: int) -> bytes:
        try:
            return ask(self._read, stop, timeout_s=self._timeout_s, patience=_ONCE)
        except TimeoutError:
            self._file = None  # left to the thread that hangs in it
            raise

    def _read(self, stop: int) -> bytes:
        if self._file is None:
            # No cache: blocks are large, and read once.
            self._file = self._fs.open(self._path, "rb", block_size=BLOCK, cache_type="none")
        self._file.seek(self._offset)
        return self._file.read(stop - self._offset)
