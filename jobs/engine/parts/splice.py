"""New rows among those that stay: which items are processed again, and where their rows go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import pyarrow as pa

from jobs.engine.parts.stored import StoredRows
from jobs.messages.errors import JobError
from jobs.storage.temporary import temporary_file


@dataclass(frozen=True)
class Stretch:
    """Items of a shard that follow one another.

    Attributes:
        is_new: Whether they were processed again.
        first: Index of the first: among all that are processed again, or among those there were.
        count: How many they are.
    """

    is_new: bool
    first: int
    count: int


class Choice:
    """Which items of a shard are processed again; asked for each item in turn.

    An item whose row is to stay is passed over; all others are wanted, those too that were not
    there before, as after an archive that was cut off.

    Args:
        keys: Keys of the rows there are, in order.
        again: Whether each of them is to be replaced.

    Attributes:
        replaced: The old row of each item that is processed again; None of one that is new.
    """

    def __init__(self, keys: Sequence[str], again: Sequence[bool]) -> None:
        self._keys = keys
        self._again = again
        self._next = 0
        self._wanted = 0
        self.replaced: list[int | None] = []
        self._stretches: list[Stretch] = []

    @property
    def wanted(self) -> int:
        """Items that are processed again, so far."""
        return self._wanted

    def wants(self, key: str) -> bool:
        """Whether the next item, which has this key, is to be processed."""
        while self._next < len(self._keys) and self._keys[self._next] != key:
            if not self._again[self._next]:  # its item comes later; this one is new
                return self._add_new(None)
            self._next += 1  # what stood for a failure, or for what is left out now, is gone
        if self._next == len(self._keys):
            return self._add_new(None)
        old, self._next = self._next, self._next + 1
        if self._again[old]:
            return self._add_new(old)
        _append(self._stretches, Stretch(False, old, 1))
        return False

    def stretches(self, kept: Sequence[int | None] = ()) -> list[Stretch]:
        """The items in their order, once all have been asked about.

        Args:
            kept: The old rows of items processed again that stay all the same; None of the others.

        Raises:
            JobError: A row that is to stay belongs to none of them.
        """
        for key, again in zip(self._keys[self._next :], self._again[self._next :], strict=True):
            if not again:
                raise JobError(
                    f"'{key}' is not found again, so the rows of its shard stay as they are"
                )
        if not any(place is not None for place in kept):
            return self._stretches
        stretches: list[Stretch] = []
        for each in self._stretches:
            for index in range(each.first, each.first + each.count):
                place = kept[index] if each.is_new else None
                is_new, first = (each.is_new, index) if place is None else (False, place)
                _append(stretches, Stretch(is_new, first, 1))
        return stretches

    def _add_new(self, replaced: int | None) -> bool:
        self.replaced.append(replaced)
        _append(self._stretches, Stretch(True, self._wanted, 1))
        self._wanted += 1
        return True


def _append(stretches: list[Stretch], one: Stretch) -> None:
    """Adds an item, to the last stretch if it follows that."""
    last = stretches[-1] if stretches else None
    if last and last.is_new == one.is_new and last.first + last.count == one.first:
        stretches[-1] = Stretch(one.is_new, last.first, last.count + 1)
    else:
        stretches.append(one)


class NewRows:
    """Rows put aside until the others are known, in a file that goes with the process.

    Args:
        schema: Schema of the rows.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self.rows = 0
        self._file = temporary_file()
        self._writer = pa.ipc.new_stream(self._file, schema)
        self._batches: Iterator[pa.RecordBatch] | None = None
        self._rest: pa.RecordBatch | None = None

    def __enter__(self) -> NewRows:
        return self

    def __exit__(self, *failure: object) -> None:
        self._file.close()

    def write(self, batch: pa.RecordBatch) -> None:
        """Adds rows."""
        self._writer.write_batch(batch)
        self.rows += batch.num_rows

    def take(self, count: int) -> Iterator[pa.RecordBatch]:
        """The next few rows; from the first call on, none can be added."""
        if self._batches is None:
            self._writer.close()
            self._file.seek(0)
            self._batches = iter(pa.ipc.open_stream(self._file))
        while count:
            batch = self._rest or next(self._batches)
            yield batch.slice(0, count)
            self._rest = batch.slice(count) if batch.num_rows > count else None
            count -= min(count, batch.num_rows)


def splice(
    stretches: Sequence[Stretch],
    old: StoredRows,
    first_row: int,
    old_counts: Sequence[int],
    new: NewRows,
    new_counts: Sequence[int],
) -> Iterator[pa.RecordBatch]:
    """The rows of one output, in the order of the items.

    Args:
        stretches: The items.
        old: Where the rows are that stay.
        first_row: Index of the shard's first row there.
        old_counts: Rows of each item there was.
        new: Rows of the items that were processed again.
        new_counts: How many each of those has.
    """
    ends = {
        True: list(accumulate(new_counts, initial=0)),
        False: list(accumulate(old_counts, initial=0)),
    }
    taken = 0
    for stretch in stretches:
        first = ends[stretch.is_new][stretch.first]
        stop = ends[stretch.is_new][stretch.first + stretch.count]
        if stretch.is_new:
            for _ in new.take(first - taken):  # of items whose old rows stay
                pass
            yield from new.take(stop - first)
            taken = stop
        else:
            yield from old.take(first_row + first, stop - first)
