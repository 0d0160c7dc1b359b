"""A compressed file that is read from front to back."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable
from typing import Any, Protocol

from jobs.sources.files.steady_file import BLOCK, StreamError

# What a compressed file begins with, and what reads it.
_FORMATS: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file, mode="rb"),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
MAGIC_BYTES = 6


class ByteStream(Protocol):
    """Bytes from front to back."""

    def read(self, size: int) -> bytes:
        """Read `size` bytes; fewer only at the end."""
        ...

    def skip(self, size: int) -> None:
        """Pass over bytes, at most up to the end."""
        ...


class InflatedFile:
    """The content of a gzip, bzip2 or xz file, in bounded memory.

    Args:
        raw: The compressed file.
        begin: Its first bytes, read already.
    """

    def __init__(self, raw: ByteStream, begin: bytes) -> None:
        """Read nothing yet."""
        self._file = _format(begin)(_Rejoined(raw, begin))

    @staticmethod
    def reads(begin: bytes) -> bool:
        """Whether a file with these first bytes is compressed."""
        return begin.startswith(tuple(_FORMATS))

    def read(self, size: int) -> bytes:
        """Read `size` bytes; fewer only at the end of the content.

        Raises:
            StreamError: The compressed file is damaged here, or storage does not give it.
        """
        data = self._piece(size)
        if len(data) == size:
            return data
        pieces = [data]
        size -= len(data)
        while size and (data := self._piece(size)):
            pieces.append(data)
            size -= len(data)
        return b"".join(pieces)

    def skip(self, size: int) -> None:
        """Pass over bytes, at most up to the end of the content.

        Raises:
            StreamError: The compressed file is damaged here, or storage does not give it.
        """
        while size and (data := self._piece(size)):
            size -= len(data)

    def _piece(self, size: int) -> bytes:
        try:
            return bytes(self._file.read(min(size, BLOCK)))
        except EOFError as error:
            raise StreamError("the compressed data ends too early") from error
        except (OSError, zlib.error, lzma.LZMAError) as error:
            raise StreamError("the compressed data is damaged here") from error


def _format(begin: bytes) -> Callable[[Any], Any]:
    return next(open_ for magic, open_ in _FORMATS.items() if begin.startswith(magic))


class _Rejoined:
    """A file whose first bytes have been read."""

    def __init__(self, rest: ByteStream, begin: bytes) -> None:
        self._rest = rest
        self._begin = begin

    def read(self, size: int) -> bytes:
        if self._begin:
            data, self._begin = self._begin[:size], self._begin[size:]
            return data
        return self._rest.read(size)
