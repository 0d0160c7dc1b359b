"""Working ahead: order, bounds, errors, and an end that leaves no thread behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from jobs.photos.ahead import work_ahead

_WAIT_S = 20.0


def _until(condition: Callable[[], bool]) -> None:
    """Waits for something that happens at once unless the code is wrong."""
    end = time.monotonic() + _WAIT_S
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.002)


def _threads() -> int:
    return sum(thread.name == "work-ahead" for thread in threading.enumerate())


def _ahead(items: Iterator[int], max_bytes: int = 10**9, max_items: int = 10**9) -> Iterator[int]:
    return work_ahead(items, size=lambda item: item, max_bytes=max_bytes, max_items=max_items)


class _Counting:
    """An endless iterator that tells how far it was advanced, and when it was closed."""

    def __init__(self, item: int = 1) -> None:
        self.begun = 0
        self.closed_on: str | None = None
        self._item = item

    def items(self) -> Iterator[int]:
        try:
            while True:
                self.begun += 1
                yield self._item
        finally:
            self.closed_on = threading.current_thread().name


@pytest.mark.parametrize("max_items", [1, 2, 100])
@pytest.mark.parametrize("max_bytes", [1, 50, 10**9])
def test_items_come_in_order(max_items: int, max_bytes: int) -> None:
    assert list(_ahead(iter(range(500)), max_bytes, max_items)) == list(range(500))


def test_nothing_in_nothing_out() -> None:
    assert list(_ahead(iter(()))) == []


def test_the_iterator_runs_on_another_thread() -> None:
    names = work_ahead(
        (threading.current_thread().name for _ in range(3)),
        size=len,
        max_bytes=100,
        max_items=2,
    )
    assert set(names) == {"work-ahead"}


def test_it_works_while_the_consumer_does_not() -> None:
    counting = _Counting()
    ahead = _ahead(counting.items(), max_items=5)
    next(ahead)
    # One was taken, five wait.
    _until(lambda: counting.begun >= 6)
    ahead.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("item", "max_bytes", "max_items", "begun"),
    [
        (1, 10**9, 3, 4),  # one taken, three waiting
        (10, 25, 100, 4),  # 30 bytes wait: no fourth is begun
        (1000, 25, 100, 2),  # a single one larger than the bound still goes through
    ],
)
def test_no_more_is_begun_than_the_bounds_allow(
    item: int, max_bytes: int, max_items: int, begun: int
) -> None:
    counting = _Counting(item)
    ahead = _ahead(counting.items(), max_bytes, max_items)
    next(ahead)
    _until(lambda: counting.begun >= begun)
    time.sleep(0.1)
    assert counting.begun == begun
    next(ahead)
    _until(lambda: counting.begun == begun + 1)
    ahead.close()  # type: ignore[attr-defined]


def test_an_exception_comes_in_its_turn() -> None:
    def broken() -> Iterator[int]:
        yield 1
        yield 2
        raise OverflowError("the third")

    seen = []
    with pytest.raises(OverflowError, match="the third") as caught:
        for item in _ahead(broken()):
            seen.append(item)
    assert seen == [1, 2]
    # The traceback leads to the line that raised.
    assert caught.traceback[-1].name == "broken"


def test_an_early_close_closes_the_generator_and_ends_the_thread() -> None:
    before = _threads()
    counting = _Counting()
    items = counting.items()  # held here, so that it is not closed for want of a holder
    ahead = _ahead(items, max_items=2)
    next(ahead)
    ahead.close()  # type: ignore[attr-defined]
    _until(lambda: counting.closed_on is not None)
    # A generator may only be closed where it runs, or it is "already executing".
    assert counting.closed_on == "work-ahead"
    _until(lambda: _threads() == before)


def test_an_exception_of_the_consumer_ends_the_thread() -> None:
    before = _threads()
    counting = _Counting()

    def consume() -> None:
        for _ in _ahead(counting.items(), max_items=2):
            raise KeyError("the consumer's own")

    with pytest.raises(KeyError, match="the consumer's own"):
        consume()
    _until(lambda: counting.closed_on is not None and _threads() == before)


def test_a_finished_iterator_leaves_no_thread() -> None:
    before = _threads()
    list(_ahead(iter(range(10))))
    _until(lambda: _threads() == before)


def test_nothing_is_begun_before_the_first_item_is_asked_for() -> None:
    counting = _Counting()
    ahead = _ahead(counting.items())
    time.sleep(0.05)
    assert counting.begun == 0
    ahead.close()  # type: ignore[attr-defined]
