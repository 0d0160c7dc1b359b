"""A compressed file that is read from front to back."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable
from typing import Any

from jobs.storage.streams.byte_stream import ByteStream, StreamError
from jobs.storage.streams.steady_file import BLOCK
from jobs.storage.streams.xz_file import XzFile

# What a compressed file begins with, and what reads it.
_FORMATS: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file, mode="rb"),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": XzFile,
}
MAGIC_BYTES = 6

# Photos do not shrink, and their raw pixels and labels not so much; a bomb does by a thousand.
_MOST_INFLATION = 200
_INFLATED_FREELY = 256 << 20
INFLATES = f"inflates to more than {_MOST_INFLATION} times its size"


class InflatedFile(ByteStream):
    """The content of a gzip, bzip2 or xz file, in bounded memory and time.

    It ends with an error where it is very much larger than the file is.

    Args:
        raw: The compressed file.
        begin: Its first bytes, read already.
    """

    def __init__(self, raw: ByteStream, begin: bytes) -> None:
        """Reads nothing yet."""
        self._raw = _Rejoined(raw, begin)
        self._file = _format(begin)(self._raw)
        self._inflated = 0

    @staticmethod
    def reads(begin: bytes) -> bool:
        """Whether a file with these first bytes is compressed."""
        return begin.startswith(tuple(_FORMATS))

    def _piece(self, size: int) -> bytes:
        if self._inflated > most_content(self._raw.given):
            raise StreamError(f"the compressed data {INFLATES}")
        try:
            data = bytes(self._file.read(min(size, BLOCK)))
        except EOFError as error:
            raise StreamError("the compressed data ends too early") from error
        except (OSError, zlib.error, lzma.LZMAError) as error:
            if "Memory usage limit" in str(error):
                raise StreamError("the compressed data takes too much memory to read") from error
            raise StreamError("the compressed data is damaged here") from error
        self._inflated += len(data)
        return data


def most_content(size: int) -> int:
    """Bytes that a compressed file of a size may inflate to."""
    return _INFLATED_FREELY + _MOST_INFLATION * size


def _format(begin: bytes) -> Callable[[Any], Any]:
    return next(open_ for magic, open_ in _FORMATS.items() if begin.startswith(magic))


class _Rejoined:
    """A file whose first bytes have been read.

    Attributes:
        given: Bytes that it has given.
    """

    def __init__(self, rest: ByteStream, begin: bytes) -> None:
        self.given = 0
        self._rest = rest
        self._begin = begin

    def read(self, size: int) -> bytes:
        if self._begin:
            data, self._begin = self._begin[:size], self._begin[size:]
        else:
            data = self._rest.read(size)
        self.given += len(data)
        return data
