"""Working ahead: an iterator that runs on a thread of its own while its consumer is busy."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


def work_ahead(
    items: Iterator[T], *, size: Callable[[T], int], max_bytes: int, max_items: int
) -> Generator[T, None, None]:
    """Yields the items of an iterator that is advanced on a thread.

    Args:
        items: What to run ahead of the consumer; a generator is closed when the consumer stops.
        size: Bytes an item holds.
        max_bytes: No new item is begun while finished ones hold this much or more.
        max_items: No new item is begun while so many finished ones wait.

    Yields:
        The items in order. What the iterator raises is raised here, in its turn.
    """
    buffer = _Buffer(size, max_bytes, max_items)
    thread = threading.Thread(target=_fill, args=(items, buffer), name="work-ahead", daemon=True)
    thread.start()
    try:
        yield from buffer
    finally:
        buffer.stop()


def _fill(items: Iterator[T], buffer: _Buffer[T]) -> None:
    failure: BaseException | None = None
    try:
        while buffer.wait_for_room():
            buffer.put(next(items))
    except StopIteration:
        pass
    except BaseException as error:  # raised again where the items are consumed
        failure = error
    finally:
        if isinstance(items, Generator):
            items.close()
        buffer.end(failure)


class _Buffer(Generic[T]):
    """Finished items between the two threads."""

    def __init__(self, size: Callable[[T], int], max_bytes: int, max_items: int) -> None:
        self._size = size
        self._max_bytes = max_bytes
        self._max_items = max_items
        self._items: deque[T] = deque()
        self._held = 0
        self._ended = self._stopped = False
        self._failure: BaseException | None = None
        self._changed = threading.Condition()

    def wait_for_room(self) -> bool:
        """Waits until another item may be begun; False if nobody wants it any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._has_room())
            return not self._stopped

    def put(self, item: T) -> None:
        with self._changed:
            self._items.append(item)
            self._held += self._size(item)
            self._changed.notify_all()

    def end(self, failure: BaseException | None) -> None:
        with self._changed:
            self._ended = True
            self._failure = failure
            self._changed.notify_all()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._ended)
                if not self._items:
                    break
                item = self._items.popleft()
                self._held -= self._size(item)
                self._changed.notify_all()
            yield item
            del item  # while waiting for the next one nothing is held
        if self._failure is not None:
            raise self._failure

    def _has_room(self) -> bool:
        return self._held < self._max_bytes and len(self._items) < self._max_items
