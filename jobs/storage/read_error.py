"""Reading the files of a shard ahead of their use, on threads."""

import os
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from jobs.members import Member
from jobs.storage.patience import CutOffError, is_denied


class ContradictionError(OSError):
    """A storage says another size of a file each time."""


@dataclass(frozen=True)
class ReadError:
    """Why a member has no bytes.

    Attributes:
        kind: The status its row gets.
        message: One sentence, the same whenever and wherever the same thing is wrong.
    """

    kind: Literal["unreadable", "unsupported", "too_large"]
    message: str


def read_ahead(
    members: Sequence[Member],
    read: Callable[[Member], bytes | ReadError],
    *,
    threads: int,
    max_bytes: int,
) -> Generator[tuple[Member, bytes | ReadError], None, None]:
    """Yield the bytes of members in their order while later ones are being read.

    Args:
        members: What to read.
        read: Reads one member; called on a thread. What it raises is raised here, in its turn.
        threads: Reads at once; at most twice as many members are held.
        max_bytes: Members are held up to this many bytes together, but always at least one.

    Yields:
        A member with its bytes, or with the reason why there are none.
    """
    waiting = deque(members)
    ready: deque[tuple[Member, Future[bytes | ReadError]]] = deque()
    held = 0
    pool = ThreadPoolExecutor(threads, thread_name_prefix="read-ahead")
    try:
        while waiting or ready:
            while (
                waiting
                and len(ready) < 2 * threads
                and (not ready or held + (waiting[0].size or 0) <= max_bytes)
            ):
                member = waiting.popleft()
                held += member.size or 0
                ready.append((member, pool.submit(read, member)))
            member, future = ready.popleft()
            data = future.result()
            held -= member.size or 0
            yield member, data
            del data, future
    finally:
        # Without waiting: a consumer that gives up must not hang on a storage that does not answer.
        pool.shutdown(wait=False, cancel_futures=True)


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
    if is_denied(error):
        return "the storage denied permission to read the file"
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return f"the file cannot be read: {os.strerror(error.errno).lower()}"
    # Of fsspec, asyncio, aiohttp or botocore.
    if any(base.__name__.endswith("TimeoutError") for base in type(error).__mro__):
        return "the storage did not answer in time"
    return f"the file cannot be read: the storage failed with {type(error).__name__}"
