"""The digest of a file, read once from beginning to end."""

from __future__ import annotations

import hashlib
from typing import BinaryIO

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
