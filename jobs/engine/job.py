"""What the engine asks of a job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from jobs.members import Member

if TYPE_CHECKING:  # commands that only look at a job start without it
    import pyarrow as pa


class Item(Protocol):
    """What a member is read for: the member itself, or one of the many in a container."""

    @property
    def member(self) -> Member:
        """The item as a member; its key is that of the item's row."""
        ...


AnyItem = TypeVar("AnyItem", bound=Item)


class Processor(Protocol[AnyItem]):
    """A job inside one worker process.

    Which item is in hand, which one to blame when the process dies, which ones are not touched any
    more: all that is the engine's work. It hands over fewer items at a time when it suspects one.
    The rows must therefore be a function of each item alone: a shard may be processed again after a
    crash, and has to come out the same.
    """

    def read(self, members: Sequence[Member]) -> Iterator[AnyItem]:
        """Yields the items of some members of a shard, in order; may read ahead."""
        ...

    def rows(self, items: Iterator[AnyItem]) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Turns items into rows.

        Args:
            items: In order; asked on one thread at a time. May be none, one, or all of a shard.

        Yields:
            Output name and rows for it, in that output's schema. In the primary output row i is
            item i.
        """
        ...

    def failed(self, member: Member, status: str) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yields the rows of an item that must not be touched, and may not have been read.

        Args:
            member: The item.
            status: Why: "crashed" or "timeout".
        """
        ...


def count_column(output: str) -> str:
    """The integer column of the primary output with the number of an item's rows in another."""
    return f"num_{output}"


class Job(Protocol):
    """What to do with every member; pickled once and sent to each worker.

    In an output besides the primary one, rows are in the order of the items; how many an item has
    there is in the primary output, in the :func:`count_column`.

    Attributes:
        schemas: Output name -> schema of its rows.
        primary: Output with exactly one row per item; has string columns `key` and `status`.
        failed_statuses: Statuses that count as failed.
        row_group_bytes: Limit of a row group's data before compression.
    """

    @property
    def schemas(self) -> Mapping[str, pa.Schema]: ...  # noqa: D102

    @property
    def primary(self) -> str: ...  # noqa: D102

    @property
    def failed_statuses(self) -> frozenset[str]: ...  # noqa: D102

    @property
    def row_group_bytes(self) -> int: ...  # noqa: D102

    def writer_options(self, name: str) -> dict[str, Any]:
        """Keyword arguments of `pyarrow.parquet.ParquetWriter` for an output."""
        ...

    def start(self) -> Processor[Any]:
        """Called once in each worker process: loads what every shard needs."""
        ...


@dataclass(frozen=True)
class Labels:
    """What a job calls things.

    Attributes:
        members: The members of the input, as in "photos".
        rows: The rows of the secondary outputs, as in "faces"; empty if there are none.
    """

    members: str = "items"
    rows: str = "rows"
