"""A file of the output on this machine, with its digest, fetched once where it is remote."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from typing import BinaryIO

from jobs.messages.errors import NotNowError
from jobs.storage.digest import digest
from jobs.storage.storage import Storage
from jobs.storage.temporary import temporary_file, temporary_folder


@contextlib.contextmanager
def read_once(storage: Storage, path: str) -> Iterator[tuple[BinaryIO, str, int]]:
    """A file of the output to read from, with its digest and its size.

    What is remote is fetched once, to a temporary file, and read from there.

    Raises:
        FileNotFoundError: There is none.
        NotNowError: There is no room for the temporary file.
    """
    with storage.open(path) as stored, contextlib.ExitStack() as stack:
        source = stored
        if storage.local:
            sha256, size = digest(stored)
        else:
            source = stack.enter_context(temporary_file())
            with _room():
                sha256, size = digest(stored, source)
        source.seek(0)
        yield source, sha256, size


@contextlib.contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise NotNowError(
            f"there is no room in '{temporary_folder()}' for a copy of a file of the output: "
            "make some, or set TMPDIR to a folder that has it"
        ) from error
