"""A file that is read in ranges, for readers that seek."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from functools import partial
from typing import Any

from jobs.storage.faults import CutOffError, NoRangesError
from jobs.storage.read_error import ReadError, reason

# Enough that the way to the storage and back does not count.
BLOCK = 4 << 20


class RangeError(OSError):
    """A range could not be read; the message is that of the row's error."""


class Ranges(io.RawIOBase):
    """A file of `size` bytes of which each range that is read is fetched by itself."""

    def __init__(
        self,
        size: int,
        fetch: Callable[[int, int], bytes],
        done: Callable[[], None] = lambda: None,
    ) -> None:
        """Reads with `fetch(start, stop)`, whose errors come through; closes with `done`."""
        super().__init__()
        self.size = size
        self._fetch = fetch
        self._done = done
        self._at = 0

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def seekable(self) -> bool:
        """Whether it can be read anywhere: yes."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Chooses where the next read begins."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to `size` bytes, by one fetch and not copied; fewer only at the end of the file."""
        stop = self.size if size is None or size < 0 else min(self._at + size, self.size)
        if stop <= self._at:
            return b""
        data = self._fetch(self._at, stop)
        if len(data) < stop - self._at:
            raise CutOffError(f"{len(data)} of {stop - self._at} bytes came")
        if len(data) > stop - self._at:
            raise NoRangesError(f"{len(data)} instead of {stop - self._at} bytes came")
        self._at = stop
        return data

    def readall(self) -> bytes:
        """What is left of the file, in large blocks."""
        return b"".join(iter(partial(self.read, BLOCK), b""))

    def readinto(self, buffer: Any, /) -> int:
        """Fills a buffer, as `io.BufferedReader` does; see `read`."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Lets go of the file; nothing happens the second time."""
        if not self.closed:
            self._done()
        super().close()


class RangeFile(Ranges):
    """A file of an input, which keeps in `failure` what storage said at last, if it failed.

    Arrow reports what its reads raise under other names, so that damage and failing storage could
    not be told apart.
    """

    failure: ReadError | None = None

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to `size` bytes; fewer only at the end of the file.

        Raises:
            RangeError: Storage does not give them; `failure` says why.
        """
        try:
            return super().read(size)
        except Exception as error:  # each file system has its own classes
            self.failure = ReadError("unreadable", reason(error))
            raise RangeError(self.failure.message) from error
