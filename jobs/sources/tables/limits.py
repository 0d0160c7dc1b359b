"""What no table of photos needs, so that a file of a few kB cannot take all memory or all time."""

import os
from typing import Protocol

import pyarrow as pa

# Of a key, a label or an address, in characters; every face of a photo repeats them.
LONGEST_TEXT = 1 << 16
_LONGEST_FOOTER = 256 << 20
_ROWS_FREELY = 1 << 20
_ROWS_A_BYTE = 100


class _Seekable(Protocol):
    def seek(self, offset: int, whence: int = ..., /) -> int: ...

    def read(self, size: int = ..., /) -> bytes: ...


def check_footer(file: _Seekable) -> int:
    """The bytes in a Parquet file, whose footer can be read; readers read all of it at once.

    Raises:
        pyarrow.ArrowInvalid: It says that its footer has hundreds of megabytes.
    """
    size = file.seek(0, os.SEEK_END)
    if size > _LONGEST_FOOTER:
        file.seek(size - 8)
        if int.from_bytes(file.read(4), "little") > _LONGEST_FOOTER:
            raise pa.ArrowInvalid("its footer is too long")
    file.seek(0)
    return size


def most_rows(file_bytes: int) -> int:
    """How many rows a Parquet file of so many bytes may say that it has."""
    return _ROWS_FREELY + _ROWS_A_BYTE * file_bytes
