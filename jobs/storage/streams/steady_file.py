"""A file that is read from front to back, on this machine or behind fsspec."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jobs.storage.faults import CutOffError
from jobs.storage.patience import PATIENCE, Patience, retrying
from jobs.storage.read_error import reason
from jobs.storage.streams.byte_stream import ByteStream, StreamError

# Read at once at most; of remote storage, one request.
BLOCK = 8 << 20


class SteadyFile(ByteStream):
    """Reads on where it was after errors that pass, with the file opened anew.

    Args:
        open_at: Opens the file to read from an offset, which is at most `size`. What it opens has
            `read` and `close`, and perhaps `seek`.
        size: Bytes in the file if it can be opened anywhere; None to skip by reading.
        offset: Where to begin.
        patience: How often to try again after errors that pass, besides once at once after any.
    """

    def __init__(
        self,
        open_at: Callable[[int], Any],
        size: int | None,
        offset: int = 0,
        patience: Patience = PATIENCE,
    ) -> None:
        """Opens nothing yet."""
        self._open_at = open_at
        self._size = size
        self._offset = offset
        self._retrying = retrying(patience)
        self._file: Any = None

    def skip(self, size: int) -> None:
        """Passes over bytes, at most up to the end of the file; without reading where it can."""
        if self._size is not None:
            if size > 0:
                self._offset = min(self._offset + size, self._size)
                seek = getattr(self._file, "seek", None)
                if seek is not None:
                    seek(self._offset)
            return
        super().skip(size)

    def close(self) -> None:
        """Lets go of the file."""
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
            data: bytes = self._file.read(size)
            if size and not data and self._size is not None:
                raise CutOffError
            return data
        except BaseException:
            self.close()
            raise
