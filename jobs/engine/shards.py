"""What crosses Ray: a shard on its way to a worker, and what comes back. Each is a few kB."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobs.engine.workers.traces import Trace

CRASHED = "crashed"

# One death with an item in hand may be anybody's fault (memory, a node, a person); so many in a
# row, each in a new process that tried it before all others, are not.
_DEATHS_TO_CONVICT = 3
# Workers may be lost for other reasons than what they do, but not without end.
_LOSSES_AN_ATTEMPT = 10


def shard_name(generation: int, index: int) -> str:
    """The identifier of a shard, as in `000-000042`."""
    return f"{generation:03d}-{index:06d}"


def shard_number(name: str) -> tuple[int, int] | None:
    """Generation and index of a shard; None if that is no identifier of one."""
    generation, _, index = name.partition("-")
    if not (generation.isdecimal() and index.isdecimal()):
        return None
    number = int(generation), int(index)
    return number if shard_name(*number) == name else None


@dataclass(frozen=True)
class ShardSpec:
    """One shard for a worker: where its members are stored, and what is known about it.

    Attributes:
        shard: Identifier, `<generation>-<index>`, as in `000-000042`.
        plan_file: Plan file, relative to the output.
        row_group: Row group of `plan_file` that holds the members.
        members: Number of items in it; None where only reading it tells.
        bytes: Sum of the members' known sizes in bytes.
        run: Identifier of the run that hands it out.
        attempt: Number of this attempt in the run, from 1.
        deaths: Workers in a row that died with the same item in hand, or with none.
        careful: Whether the worker records each item before it touches it.
        suspect: Index of the item that was in hand at the last death, if it was recorded. The
            worker tries it before all others.
        suspicions: Deaths in a row that speak against it.
        verdicts: Item index -> status to give it without touching it.
        epoch: Number of the driver's entry in the log.
        retry: What to process again in a shard that is committed; the index of an item is then that
            among these items. None for a shard that is not.
        merge: What to merge instead; the shard is then the first that is merged.
    """

    shard: str
    plan_file: str
    row_group: int
    members: int | None
    bytes: int
    run: str = "run"
    attempt: int = 1
    deaths: int = 0
    careful: bool = False
    suspect: int | None = None
    suspicions: int = 0
    verdicts: Mapping[int, str] = field(default_factory=dict)
    epoch: int = 0
    retry: Retry | None = None
    merge: Merge | None = None

    def after_loss(self, max_attempts: int) -> ShardSpec | None:
        """The next attempt after its worker was lost for no fault of its own, as with a node.

        Returns:
            None to give the shard up: nothing has been that unlucky for so long.
        """
        if self.attempt >= max_attempts * _LOSSES_AN_ATTEMPT:
            return None
        return replace(self, attempt=self.attempt + 1)

    def after_death(self, trace: Trace | None, max_attempts: int) -> ShardSpec | None:
        """The next attempt after its worker died, or None to give the shard up.

        Args:
            trace: What the worker left behind.
            max_attempts: Deaths without progress after which the shard is given up. Another item
                in hand than last time is progress: whatever kills reliably is met in order.
        """
        item = trace.item if trace else None
        is_same = item == self.suspect
        against = 0 if item is None else 1
        if trace and item is not None and is_same and not trace.cleared:
            against += self.suspicions
        again = replace(
            self,
            attempt=self.attempt + 1,
            deaths=self.deaths + 1 if is_same else 1,
            careful=True,
            suspect=item,
            suspicions=against,
        )
        if trace and item is not None and against >= _DEATHS_TO_CONVICT:
            verdicts = {**self.verdicts, item: trace.status}
            return replace(again, deaths=0, suspect=None, suspicions=0, verdicts=verdicts)
        if again.deaths >= max_attempts:
            return None
        return again if self.after_loss(max_attempts) else None


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
class Retry:
    """Items of a committed shard to be processed again.

    Attributes:
        statuses: Those of the items.
        parts: Output -> the shard's rows as they are.
        verdicts: Key -> status of the items that were not touched.
    """

    statuses: tuple[str, ...]
    parts: Mapping[str, PartReport]
    verdicts: Mapping[str, str]


@dataclass(frozen=True)
class Merge:
    """Parts of committed shards to become one, or as few as their layouts allow.

    Attributes:
        output: The output they are parts of.
        shards: Shard -> its rows, in plan order.
        row_group_bytes: Limit of a row group's data before compression.
    """

    output: str
    shards: Mapping[str, PartReport]
    row_group_bytes: int


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
        traceback: Of the job's exception, or where the code of the last worker was.
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
