"""What the engine asks of a job."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import pyarrow as pa

from jobs.engine.members import Member


class Processor(Protocol):
    """A job inside one worker process."""

    def process(
        self,
        members: Sequence[Member],
        begin: Callable[[int, str], None],
        verdicts: Mapping[int, str],
        careful: bool,
    ) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Turns the members of one shard into rows.

        The rows must be a function of the members and verdicts alone: a shard may be processed
        again after a crash, and has to come out the same.

        Args:
            members: What to process, in order; containers are processed item by item.
            begin: To be called with an item's index in the shard and its key before the item is
                touched, in order.
            verdicts: Index -> status; such an item is not touched and becomes a row with
                that status.
            careful: A worker died on this shard: no item may be touched before the one in hand
                is done, so that it is known which one to blame.

        Yields:
            Output name and rows for it, in that output's schema. In the primary output row i
            is item i.
        """
        ...


class Job(Protocol):
    """What to do with every member; pickled once and sent to each worker.

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
