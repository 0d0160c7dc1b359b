"""Items that are rows already: those that follow one another are written together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

import pyarrow as pa

from jobs.members import Member


class RowItem(Protocol):
    """A row as an item.

    Attributes:
        rows: Rows that it is among.
        index: Its place among those.
    """

    @property
    def rows(self) -> pa.RecordBatch: ...  # noqa: D102

    @property
    def index(self) -> int: ...  # noqa: D102


AnyRow = TypeVar("AnyRow", bound=RowItem)


@dataclass(frozen=True)
class StagedRow:
    """A staged row as an item.

    Attributes:
        member: The row as a member; its key is the row's name.
        rows: Rows that it is among.
        index: Its place among those.
    """

    member: Member
    rows: pa.RecordBatch
    index: int


def stretches(items: Iterator[AnyRow]) -> Iterator[tuple[AnyRow, int]]:
    """Yields the first of items whose rows follow one another, and how many they are."""
    first: AnyRow | None = None
    count = 0
    for item in items:
        follows = first and item.rows is first.rows and item.index == first.index + count
        if first and not follows:
            yield first, count
        if not follows:
            first, count = item, 0
        count += 1
    if first:
        yield first, count
