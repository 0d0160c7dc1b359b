"""The digest of a file, read once from beginning to end."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, cast

from jobs.messages.errors import UserError

if TYPE_CHECKING:
    from jobs.storage.storage import Storage

_BLOCK_BYTES = 2**22


def digest(file: BinaryIO, copy: BinaryIO | None = None) -> tuple[str, int]:
    """The hexadecimal SHA-256 of what is left of a file, and how many bytes that is.

    Args:
        file: What to read, to its end.
        copy: Where to write all of it, if anywhere.
    """
    found = hashlib.sha256()
    size = 0
    while block := file.read(_BLOCK_BYTES):
        found.update(block)
        size += len(block)
        if copy is not None:
            copy.write(block)
    return found.hexdigest(), size


@contextlib.contextmanager
def read_once(storage: Storage, path: str) -> Iterator[tuple[BinaryIO, str, int]]:
    """A file of the output to read from, with its digest and its size.

    What is remote is fetched once, to a temporary file, and read from there.

    Raises:
        FileNotFoundError: There is none.
        UserError: There is no room for the temporary file.
    """
    with storage.open(path) as stored, contextlib.ExitStack() as stack:
        source = stored
        if storage.local:
            sha256, size = digest(stored)
        else:
            source = cast(BinaryIO, stack.enter_context(tempfile.TemporaryFile()))
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
        raise UserError(
            f"There is no room in '{tempfile.gettempdir()}' for a copy of a file of the output; "
            "make some, or set TMPDIR to a folder that has it."
        ) from error
