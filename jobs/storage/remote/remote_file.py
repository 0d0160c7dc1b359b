"""A file behind fsspec that is opened whatever its storage can: ranges, or only all of it."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, BinaryIO, cast

from jobs.storage.faults import ContradictionError
from jobs.storage.remote.remote_path import RemotePath, size_of
from jobs.storage.streams.range_file import BLOCK, Ranges


def open_remote(file: RemotePath, call: Callable[..., Any]) -> BinaryIO:
    """A seekable, buffered stream over a file, whose size has been said twice.

    Only of storage that knows no ranges, or not how long its files are, all of it is held.

    Args:
        file: What to open.
        call: Calls each method of it, and sees to what they raise.
    """
    # Of a size that is too small the end would be missing.
    size = size_of(call(file.sure_info))
    whole: bytes | None = None
    if size is None:
        whole = cast(bytes, call(file.content))
    length = len(whole or b"") if size is None else size

    def fetched(start: int, stop: int) -> bytes:
        nonlocal whole
        if whole is None:
            data = file.part(start, stop)
            if len(data) == stop - start:
                return data
            if len(data) != length:
                raise ContradictionError("it changed while it was read")
            whole = data  # asked for a part, got all of it
        return whole[start:stop]

    ranges = Ranges(length, lambda start, stop: cast(bytes, call(fetched, start, stop)))
    return cast(BinaryIO, io.BufferedReader(ranges, BLOCK))
