"""Reading ahead of use, on threads: of members their bytes, of files what is found in them."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from jobs.members import Member
from jobs.messages.errors import UserError
from jobs.sources.settings import InputSettings
from jobs.storage.entry import Entry
from jobs.storage.place import Tree
from jobs.storage.read_error import ReadError

T = TypeVar("T")
R = TypeVar("R")


def ahead(
    items: Iterable[T],
    work: Callable[[T], R],
    *,
    threads: int,
    weight: Callable[[T], int] = lambda item: 0,
    most: int = 0,
) -> Generator[tuple[T, R], None, None]:
    """Yields items in their order with what comes of them, while later ones are worked on.

    Args:
        items: What to work on; taken as it is needed.
        work: Called on a thread. What it raises is raised here, in its turn.
        threads: Items worked on at once; at most twice as many are held.
        weight: Weight of an item.
        most: Items are held up to this weight together, but always at least one.
    """
    waiting = iter(items)
    upcoming = next(waiting, None)
    ready: deque[tuple[T, Future[R]]] = deque()
    held = 0
    pool = ThreadPoolExecutor(threads, thread_name_prefix="read-ahead")
    try:
        while upcoming is not None or ready:
            while (
                upcoming is not None
                and len(ready) < 2 * threads
                and (not ready or held + weight(upcoming) <= most)
            ):
                held += weight(upcoming)
                ready.append((upcoming, pool.submit(work, upcoming)))
                upcoming = next(waiting, None)
            item, future = ready.popleft()
            result = future.result()
            held -= weight(item)
            yield item, result
            del result, future
    finally:
        # Without waiting: a consumer that gives up must not hang on a storage that does not answer.
        pool.shutdown(wait=False, cancel_futures=True)


def read_ahead(
    members: Sequence[Member], read: Callable[[Member], bytes | ReadError], settings: InputSettings
) -> Generator[tuple[Member, bytes | ReadError], None, None]:
    """Yields members with their bytes, or with the reason why there are none; see `ahead`."""
    return ahead(
        members,
        read,
        threads=settings.threads,
        weight=lambda member: member.size or 0,
        most=settings.read_ahead_bytes,
    )


def read_tree(
    tree: Tree, members: Sequence[Member], settings: InputSettings, max_bytes: int | None
) -> Generator[tuple[Member, bytes | ReadError], None, None]:
    """Yields members that are files of a tree with their bytes; larger ones are not read."""

    def read(member: Member) -> bytes | ReadError:
        return tree.read(Entry(member.key, member.size, member.version), max_bytes)

    return read_ahead(members, read, settings)


def has_same(tree: Tree, member: Member) -> bool:
    """Whether a tree has a file with a member's key, and its size and version.

    Of a part of a container the size is its own, and only the version is compared.
    """
    try:
        found = tree.named(member.file_key)
    except UserError:
        return False
    is_part = member.start > 0 or member.stop is not None
    return found.version == member.version != "" and (is_part or found.size == member.size)
