"""A file that is read in ranges, on this machine or behind fsspec, for readers that seek."""

from __future__ import annotations

import io
import os
from collections.abc import Callable

from jobs.storage.local.local_tree import LocalTree
from jobs.storage.local.regular_file import NotRegularError, open_regular
from jobs.storage.patience import CutOffError, retrying
from jobs.storage.read_error import ReadError, reason
from jobs.storage.remote.remote_path import RemotePath, size_of
from jobs.storage.remote.remote_tree import RemoteTree


class RangeError(OSError):
    """A range could not be read; the message is that of the row's error."""


class RangeFile(io.RawIOBase):
    """A file of which each range that is read is fetched by itself.

    Attributes:
        size: Bytes in the file.
        failure: What storage said at last, if it failed. Arrow reports what its reads raise under
            other names, so that damage and failing storage could not be told apart.
    """

    def __init__(
        self,
        size: int,
        fetch: Callable[[int, int], bytes],
        done: Callable[[], None] = lambda: None,
    ) -> None:
        """Read with `fetch(start, stop)`; `done` is called when the file is closed."""
        super().__init__()
        self.size = size
        self.failure: ReadError | None = None
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
        """Choose where the next read begins."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int = -1, /) -> bytes:
        """Read up to `size` bytes; fewer only at the end of the file.

        Raises:
            RangeError: Storage does not give them; `failure` says why.
        """
        stop = self.size if size is None or size < 0 else min(self._at + size, self.size)
        if stop <= self._at:
            return b""
        try:
            data = self._fetch(self._at, stop)
            if len(data) < stop - self._at:
                raise CutOffError
        except Exception as error:  # each file system has its own classes
            raise self._failed(reason(error)) from error
        if len(data) > stop - self._at:
            raise self._failed("the storage cannot read parts of a file")
        self._at = stop
        return data

    def close(self) -> None:
        """Let go of the file; nothing happens the second time."""
        if not self.closed:
            self._done()
        super().close()

    def _failed(self, message: str) -> RangeError:
        self.failure = ReadError("unreadable", message)
        return RangeError(message)


def open_ranges(
    tree: LocalTree | RemoteTree, path: str, told: int | None = None
) -> RangeFile | ReadError:
    """A file of a tree, or why it cannot be opened.

    Args:
        tree: Of this machine, or whose file system has the file.
        path: Absolute, or of that file system.
        told: What may be its size; remote storage that says the same is believed at once.
    """
    try:
        if isinstance(tree, RemoteTree):
            return _open_remote(tree.path(path), told)
        return _open_local(path)
    except Exception as error:  # each file system has its own classes; the row names them
        return ReadError("unreadable", reason(error))


def _open_local(path: str) -> RangeFile | ReadError:
    try:
        file = open_regular(path, buffering=0)
    except NotRegularError as error:
        return ReadError("unsupported", str(error))
    descriptor = file.fileno()

    def fetch(start: int, stop: int) -> bytes:
        return retrying()(os.pread, descriptor, stop - start, start)

    return RangeFile(os.fstat(descriptor).st_size, fetch, file.close)


def _open_remote(path: RemotePath, told: int | None) -> RangeFile | ReadError:
    # With a wrong size the footer would be looked for in the wrong place, and called damaged.
    size = size_of(path.sure_info(told))
    if size is None:
        return ReadError("unreadable", "the storage does not tell how long the file is")
    return RangeFile(size, path.part)
