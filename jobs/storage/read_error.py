"""Why a file that was listed has no bytes: the one sentence that its row gets."""

import os
from dataclasses import dataclass
from typing import Literal

from jobs.storage.faults import (
    ContradictionError,
    CutOffError,
    NoRangesError,
    is_denied,
    is_private,
)


@dataclass(frozen=True)
class ReadError:
    """Why a file has no bytes.

    Attributes:
        kind: The status its row gets.
        message: One sentence, the same whenever and wherever the same thing is wrong.
    """

    kind: Literal["unreadable", "unsupported", "too_large"]
    message: str


def over_limit(size: int, max_bytes: int | None) -> ReadError | None:
    """The error of a file that is larger than allowed, or None."""
    if max_bytes is None or size <= max_bytes:
        return None
    return ReadError("too_large", f"the file has {size} bytes, more than the {max_bytes} allowed")


def changed(planned: int | None, size: int) -> ReadError | None:
    """The error of a file that no longer has the size it was listed with, or None."""
    if planned == size:
        return None
    was = "it was not a regular file" if planned is None else f"it had {planned} bytes"
    return ReadError(
        "unreadable", f"the file changed after it was listed: {was}, now it has {size} bytes"
    )


def reason(error: Exception) -> str:
    """What a storage error says, without what varies: addresses, request ids, paths."""
    if isinstance(error, FileNotFoundError):
        return "the file is no longer there"
    if isinstance(error, CutOffError):
        return "the file became shorter while it was read"
    if isinstance(error, ContradictionError):
        return "the storage says another size of the file each time"
    if isinstance(error, NoRangesError):
        return "the storage cannot read parts of a file"
    if is_private(error):
        return "the address leads into a private network that input.private_networks does not name"
    if is_denied(error):
        return "the storage denied permission to read the file"
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return f"the file cannot be read: {os.strerror(error.errno).lower()}"
    # Of fsspec, asyncio, aiohttp or botocore.
    if any(base.__name__.endswith("TimeoutError") for base in type(error).__mro__):
        return "the storage did not answer in time"
    return f"the file cannot be read: the storage failed with {type(error).__name__}"
