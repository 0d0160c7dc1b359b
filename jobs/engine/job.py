"""What the engine asks of a job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import pyarrow as pa

from jobs.members import Member


class Notes(Protocol):
    """What a processor tells of the items in its hands, so that it is known which one to blame."""

    def reading(self, index: int, key: str | None) -> None:
        """A source is about to be asked for an item.

        Args:
            index: Of the item in the shard; one more than the last if there is none left.
            key: Its key; None where only reading tells.
        """
        ...

    def begin(self, index: int, key: str) -> None:
        """An item that was read is about to be touched."""
        ...

    def wants(self, key: str) -> bool:
        """Whether an item of a container is to be processed; to be asked of each, in order.

        The others are passed over as if they were not there: they have no index and no row.
        """
        ...


class Processor(Protocol):
    """A job inside one worker process."""

    def process(
        self,
        members: Sequence[Member],
        notes: Notes,
        verdicts: Mapping[int, str],
        careful: bool,
    ) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Turns the members of one shard into rows.

        The rows must be a function of the members and verdicts alone: a shard may be processed
        again after a crash, and has to come out the same.

        Args:
            members: What to process, in order; containers are processed item by item.
            notes: To be told of each item before it is read and before it is touched, in order.
            verdicts: Index -> status; such an item is not touched and becomes a row with
                that status.
            careful: A worker died on this shard: no item may be touched before the one in hand
                is done, so that it is known which one to blame.

        Yields:
            Output name and rows for it, in that output's schema. In the primary output row i
            is item i.
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

    def start(self) -> Processor:
        """Called once in each worker process: loads what every shard needs."""
        ...
