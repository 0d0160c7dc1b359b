"""What crosses Ray: a shard on its way to a worker, and what comes back. Each is a few kB."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

CRASHED = "crashed"

# One death with a member in hand may be anybody's fault (memory, a node); two in a row are not.
_DEATHS_TO_CONVICT = 2


@dataclass(frozen=True)
class ShardSpec:
    """One shard for a worker: where its members are stored, and what is known about it.

    Attributes:
        shard: Identifier, `<generation>-<index>`, as in `000-000042`.
        plan_file: Plan file, relative to the output.
        row_group: Row group of `plan_file` that holds the members.
        members: Number of items in it; None where only reading it tells.
        bytes: Sum of the members' known sizes in bytes.
        attempt: Number of this attempt, from 1.
        deaths: Workers lost since the shard was new or last got a verdict.
        careful: Whether the worker records each member before it touches it.
        suspects: Item index -> deaths in careful mode with that item in hand.
        verdicts: Item index -> status to give it without touching it.
    """

    shard: str
    plan_file: str
    row_group: int
    members: int | None
    bytes: int
    attempt: int = 1
    deaths: int = 0
    careful: bool = False
    suspects: Mapping[int, int] = field(default_factory=dict)
    verdicts: Mapping[int, str] = field(default_factory=dict)

    def after_death(self, in_hand: int | None, max_attempts: int) -> ShardSpec | None:
        """The next attempt after this one killed its worker, or None to give the shard up.

        Args:
            in_hand: Index of the member that was in hand, if it is known and to blame.
            max_attempts: Attempts without a verdict after which the shard is given up.
        """
        suspects = dict(self.suspects)
        if in_hand is not None:
            suspects[in_hand] = suspects.get(in_hand, 0) + 1
            if suspects[in_hand] >= _DEATHS_TO_CONVICT:
                return replace(
                    self,
                    attempt=self.attempt + 1,
                    deaths=0,
                    careful=True,
                    suspects={},
                    verdicts={**self.verdicts, in_hand: CRASHED},
                )
        if self.deaths + 1 >= max_attempts:
            return None
        return replace(
            self, attempt=self.attempt + 1, deaths=self.deaths + 1, careful=True, suspects=suspects
        )


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
    """

    path: str
    rows: int
    bytes: int
    sha256: str
    first_row: int = 0
    own_bytes: int | None = None

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
        traceback: Of the job's exception, or what is known of the workers' deaths.
    """

    shard: str
    reason: str
    attempts: int
    member: int | None
    key: str | None
    traceback: str
