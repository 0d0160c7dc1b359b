"""A file of remote storage as a stream: every block has a deadline and is tried again."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, BinaryIO, cast

# Enough that the way to the storage and back does not count.
_BLOCK_BYTES = 4 << 20


def open_remote(size: int, read: Callable[[int, int], bytes]) -> BinaryIO:
    """A seekable, buffered stream over a file of `size` bytes.

    Args:
        size: Bytes of the file.
        read: Gives its bytes from a start to a stop; it is here that errors are dealt with.
    """
    return cast(BinaryIO, io.BufferedReader(_RemoteFile(size, read), _BLOCK_BYTES))


class _RemoteFile(io.RawIOBase):
    def __init__(self, size: int, read: Callable[[int, int], bytes]) -> None:
        self._size = size
        self._read = read
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        stop = min(self._position + len(buffer), self._size)
        if stop <= self._position:
            return 0
        data = self._read(self._position, stop)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)
