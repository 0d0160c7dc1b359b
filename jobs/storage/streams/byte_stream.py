"""Bytes that are read from front to back, from a source that gives them piece by piece."""

from __future__ import annotations

from abc import ABC, abstractmethod


class StreamError(Exception):
    """The rest of a file cannot be read; the message is that of a `ReadError`."""


class ByteStream(ABC):
    """Bytes from front to back."""

    def read(self, size: int) -> bytes:
        """The next `size` bytes; fewer only at the end.

        Raises:
            StreamError: They cannot be read.
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
        """Passes over bytes, at most up to the end.

        Raises:
            StreamError: They cannot be read.
        """
        while size and (data := self._piece(size)):
            size -= len(data)

    @abstractmethod
    def _piece(self, size: int) -> bytes:
        """Up to `size` of the next bytes; none at the end."""
