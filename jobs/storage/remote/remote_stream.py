"""Streams over a file behind fsspec, from an offset on: of pages, of objects, of other files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, BinaryIO

from fsspec.asyn import AsyncFileSystem

from jobs.storage.patience import Patience, ask
from jobs.storage.remote.remote_path import RemotePath
from jobs.storage.remote.web_page import is_page
from jobs.storage.streams.steady_file import BLOCK

# Who reads tries again.
_ONCE = Patience(attempts=1)


def remote_stream(file: RemotePath, size: int | None) -> Callable[[int], Any]:
    """What a `SteadyFile` opens a file with; its size is known, or it can only be read on."""
    if is_page(file.path):
        return lambda offset: _Page(file, offset)
    if size is not None:
        kind = _Ranges if isinstance(file.fs, AsyncFileSystem) else _Stretches
        once = replace(file, patience=_ONCE, refusals=1)
        return lambda offset: kind(once, offset, size)

    def open_at(offset: int) -> BinaryIO:
        opened: BinaryIO = file.fs.open(file.path, "rb", block_size=BLOCK, cache_type="readahead")
        opened.seek(offset)
        return opened

    return open_at


class _Page:
    """A page of a web server: one request, since many servers do not know ranges."""

    def __init__(self, file: RemotePath, offset: int) -> None:
        from aiohttp import ClientTimeout  # an extra, and installed where there is such an fs

        headers = {**(file.fs.kwargs.get("headers") or {}), "Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        # Not for the whole: a large page takes as long as its photos.
        timeout = ClientTimeout(None, sock_connect=file.timeout_s, sock_read=file.timeout_s)
        # With some size given, it is not asked for first.
        how = {"block_size": 0, "size": 1, "headers": headers, "timeout": timeout}
        self._file = file.fs.open(file.path, "rb", **how)
        partial = self._file.r.status == 206
        while not partial and offset and (data := self.read(min(offset, BLOCK))):
            offset -= len(data)

    def read(self, size: int) -> bytes:
        return bytes(self._file.read(size))

    def close(self) -> None:
        self._file.close()


class _Ranges:
    """An object read in large ranges, each a request with a time limit."""

    def __init__(self, file: RemotePath, offset: int, size: int) -> None:
        self._remote = file
        self._size = size
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
        return self._remote.part(self._offset, stop)


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
            return ask(self._read, stop, timeout_s=self._remote.timeout_s, patience=_ONCE)
        except TimeoutError:
            self._file = None  # left to the thread that hangs in it
            raise

    def _read(self, stop: int) -> bytes:
        if self._file is None:
            # No cache: blocks are large, and read once.
            fs, path = self._remote.fs, self._remote.path
            self._file = fs.open(path, "rb", block_size=BLOCK, cache_type="none")
        self._file.seek(self._offset)
        return self._file.read(stop - self._offset)
