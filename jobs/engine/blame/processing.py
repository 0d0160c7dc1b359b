"""Items on their way through a job, each noted before it is read and before it is touched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from jobs.engine.blame.attempt import Attempt
from jobs.engine.job import Item, Processor
from jobs.members import Member
from jobs.messages.errors import JobError


def processed(processor: Processor[Any], attempt: Attempt) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yields the rows of all items of an attempt.

    An item that there is a verdict on is not touched. Where the attempt is careful, one item is
    done before the next is read, so that it is known which one to blame.
    """
    _try_suspect(processor, attempt)
    walk = _Walk(processor, attempt)
    while not walk.is_over:
        before, walk.convicted = walk.index, None
        yield from processor.rows(walk.stretch())
        if walk.index == before and walk.convicted is None and not walk.is_over:
            raise JobError("the job has ended without asking for the items that are left")
        if walk.convicted is not None:
            yield from processor.failed(*walk.convicted)


def _try_suspect(processor: Processor[Any], attempt: Attempt) -> None:
    """Processes the item that was in hand at the last death alone, for nothing but that."""
    if attempt.suspect is None:
        return
    index, member = attempt.suspect
    attempt.reading(index, member.key)
    for item in processor.read([member]):
        attempt.begin(index, member.key)
        for _ in processor.rows(iter([item])):
            pass
        attempt.pause()
    attempt.clear_suspect()


@dataclass(frozen=True)
class _Unread:
    """In place of an item that there is a verdict on."""

    member: Member


class _Walk:
    """The items of a shard, in stretches that a job may have at once.

    Attributes:
        index: Index of the next item.
        is_over: Whether there are no more.
        convicted: Item at which the last stretch ended and that must not be touched, with its
            status.
    """

    def __init__(self, processor: Processor[Any], attempt: Attempt) -> None:
        self.is_over = False
        self.convicted: tuple[Member, str] | None = None
        self.index = 0
        self._attempt = attempt
        self._keys = attempt.keys
        self._items = self._read(processor)

    def stretch(self) -> Iterator[Item]:
        """Yields items up to one that there is a verdict on; a single one if that is careful."""
        while True:
            index, attempt = self.index, self._attempt
            attempt.reading(index, self._keys[index] if index < len(self._keys) else None)
            # To its end here: an interrupt that hits the end of a forgotten generator is lost.
            item = next(self._items, None)
            if item is None:
                self.is_over = True
                return
            self.index += 1
            if index in attempt.spec.verdicts:
                self.convicted = item.member, attempt.spec.verdicts[index]
                return
            attempt.begin(index, item.member.key)
            yield item
            if attempt.spec.careful:
                return

    def _read(self, processor: Processor[Any]) -> Iterator[Item]:
        """Yields the items of the shard that are to be processed."""
        attempt = self._attempt
        if attempt.has_containers:
            for item in processor.read(attempt.members):
                if attempt.wants(item.member.key):
                    yield item
        elif attempt.spec.careful:
            for index, member in enumerate(attempt.members):
                if index in attempt.spec.verdicts:
                    yield _Unread(member)
                else:
                    yield from processor.read([member])
        else:
            yield from processor.read(attempt.members)
