"""The content of an xz file, within a limit of memory that `lzma.LZMAFile` does not know."""

import lzma
from typing import Protocol

# `xz -9` needs 65 MB; a file may ask for 4 GB.
_MOST_MEMORY = 256 << 20
_READ_BYTES = 64 << 10


class _Readable(Protocol):
    def read(self, size: int) -> bytes: ...


class XzFile:
    """Reads what one or more xz streams hold, with or without padding between them.

    Args:
        file: At its beginning.
    """

    def __init__(self, file: _Readable) -> None:
        """Reads nothing yet."""
        self._file = file
        self._decoder: lzma.LZMADecompressor | None = None
        self._ahead = b""

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; none at the end.

        Raises:
            EOFError: The file ends within a stream.
            lzma.LZMAError: It is damaged, or wants more memory than it gets.
        """
        while size:
            if self._decoder is None and not self._next_stream():
                return b""
            decoder = self._decoder
            assert decoder is not None
            begin = self._more() if decoder.needs_input else b""
            if decoder.needs_input and not begin:
                raise EOFError("the file ends within a stream")
            data = decoder.decompress(begin, size)
            if decoder.eof:
                self._ahead, self._decoder = decoder.unused_data, None
            if data:
                return data
        return b""

    def _next_stream(self) -> bool:
        """Goes past padding to the next stream; False at the end."""
        while begin := self._more():
            self._ahead = begin.lstrip(b"\0")
            if self._ahead:
                self._decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MOST_MEMORY)
                return True
        return False

    def _more(self) -> bytes:
        data, self._ahead = self._ahead, b""
        return data or self._file.read(_READ_BYTES)
