"""What comes back from a worker and is recorded: a few kB a shard."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Revision:
    """The members of a shard since some of them have changed or are gone: a row group of a file.

    Attributes:
        file: Plan file, relative to the output.
        row_group: Row group of it.
        items: Items in them; -1 where only reading tells.
        bytes: Sum of their known sizes in bytes.
        sha256: Hexadecimal digest of the file.
    """

    file: str
    row_group: int
    items: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class PartReport:
    """A shard's rows in one published Parquet file, which after a compaction several shards share.

    Attributes:
        path: Where the file is, relative to the output.
        rows: Number of rows of this shard.
        bytes: Size of the file.
        sha256: Hexadecimal digest of the file.
        first_row: Index of this shard's first row in the file.
        own_bytes: Size of the file that the shard was written to, if that is another one.
        stale_in: A file that the shard shared with others and that still holds its rows as they
            were before a retry; it is to give way to one that holds these. None if there is none.
    """

    path: str
    rows: int
    bytes: int
    sha256: str
    first_row: int = 0
    own_bytes: int | None = None
    stale_in: str | None = None

    @property
    def size(self) -> int:
        """Size of the file that the shard was written to."""
        return self.bytes if self.own_bytes is None else self.own_bytes


def rows_shared(parts: Iterable[PartReport]) -> int | None:
    """Rows of a file of which each shard has the next few; None if they leave gaps or overlap.

    Args:
        parts: All that share the file, in plan order.
    """
    rows = 0
    for part in parts:
        if part.first_row != rows:
            return None
        rows += part.rows
    return rows


@dataclass(frozen=True)
class Merged:
    """Rows of consecutive shards that have become one part.

    Attributes:
        output: The output it is a part of.
        path: Where the file is, relative to the output.
        bytes: Size of the file.
        sha256: Hexadecimal digest of the file.
        shards: Shard -> its rows and the size of the file it was written to, in plan order.
    """

    output: str
    path: str
    bytes: int
    sha256: str
    shards: Mapping[str, tuple[int, int]]

    def parts(self) -> Iterator[tuple[str, PartReport]]:
        """What each shard has of it."""
        first = 0
        for shard, (rows, own_bytes) in self.shards.items():
            yield shard, PartReport(self.path, rows, self.bytes, self.sha256, first, own_bytes)
            first += rows


@dataclass(frozen=True)
class MergeReport:
    """What a worker has made of a merge.

    Attributes:
        shard: The first of its shards.
        shards: How many they are.
        merged: The new parts; none where nothing goes together.
        worker_bytes: Resident memory of the worker afterwards.
    """

    shard: str
    shards: int
    merged: Sequence[Merged]
    worker_bytes: int


@dataclass(frozen=True)
class ShardReport:
    """A committed shard: the content of its commit record.

    Attributes:
        shard: Identifier of the shard.
        primary: Output with one row per item.
        members: Number of items.
        bytes: Sum of the members' known sizes in bytes.
        statuses: Status -> number of items.
        failed: Items whose status counts as failed.
        parts: Output -> its published file.
        attempts: Attempts it took.
        verdicts: Key -> status of the items that were not touched.
        packages: Package -> version in the worker.
        started: UTC time the successful attempt began, ISO 8601.
        seconds: Time it took.
        host: Machine it ran on.
        worker_bytes: Resident memory of the worker afterwards.
        cpu_seconds: Processor time it took, all threads of the worker together.
        retried: Items that were processed again in the last attempt, which left the others as they
            were; 0 if it processed all.
        epoch: Number of the driver's entry in the log; what the log says of the shard before that
            is of an earlier commit.
        revision: Its members, if they are not those that were planned first.
        forgotten: Items of containers that were passed over or left out, as they were forgotten:
            the plan may count them.
    """

    shard: str
    primary: str
    members: int
    bytes: int
    statuses: Mapping[str, int]
    failed: int
    parts: Mapping[str, PartReport]
    attempts: int
    verdicts: Mapping[str, str]
    packages: Mapping[str, str]
    started: str
    seconds: float
    host: str
    worker_bytes: int
    cpu_seconds: float = 0.0
    retried: int = 0
    epoch: int = 0
    revision: Revision | None = None
    forgotten: int = 0

    @property
    def rows(self) -> dict[str, int]:
        """Rows by output."""
        return {name: part.rows for name, part in self.parts.items()}


@dataclass(frozen=True)
class ShardFailure:
    """A shard given up: the content of its quarantine record.

    Attributes:
        shard: Identifier of the shard.
        reason: One sentence.
        attempts: Attempts made in this run.
        member: Index of the item in hand, if it is known.
        key: Its key.
        traceback: Traceback of the job's exception, or where the code of the last worker was.
        deaths: What is known of each lost worker, a sentence each.
    """

    shard: str
    reason: str
    attempts: int
    member: int | None
    key: str | None
    traceback: str
    deaths: Sequence[str] = field(default_factory=list)


Result = ShardReport | MergeReport | ShardFailure
