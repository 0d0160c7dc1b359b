"""Reading the members of a shard ahead of their use, on threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from jobs.members import Member
from jobs.sources.settings import InputSettings
from jobs.storage.entry import Entry
from jobs.storage.place import Tree
from jobs.storage.read_error import ReadError

Read = Generator[tuple[Member, bytes | ReadError], None, None]


def read_ahead(
    members: Sequence[Member],
    read: Callable[[Member], bytes | ReadError],
    *,
    threads: int,
    max_bytes: int,
) -> Read:
    """Yields the bytes of members in their order while later ones are being read.

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


def read_tree(
    tree: Tree, members: Sequence[Member], settings: InputSettings, max_bytes: int | None
) -> Read:
    """Yields members that are files of a tree with their bytes; see `read_ahead`.

    Args:
        tree: That has the files, under the keys of the members.
        members: As listed, some time ago and perhaps on another machine.
        settings: How many are read ahead.
        max_bytes: Larger files are not read.
    """

    def read(member: Member) -> bytes | ReadError:
        return tree.read(Entry(member.key, member.size, member.version), max_bytes)

    return read_ahead(members, read, threads=settings.threads, max_bytes=settings.read_ahead_bytes)
