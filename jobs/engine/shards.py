"""A shard on its way to a worker: a few kB."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from jobs.engine.reports import PartReport, Revision
from jobs.members import Origin

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
class Retry:
    """Items of a committed shard to be processed again, or to be left out.

    Attributes:
        statuses: Those of the items; members that are not what they were are processed too.
        parts: Output -> the shard's rows as they are.
        verdicts: Key -> status of the items that were not touched.
        before: Plan file and row group of the members that the rows are of; None if the members
            are the same now.
        whole: Whether all of the shard is processed, and none of its rows looked at.
    """

    statuses: tuple[str, ...]
    parts: Mapping[str, PartReport]
    verdicts: Mapping[str, str]
    before: tuple[str, int] | None = None
    whole: bool = False

    def stale_in(self, output: str) -> str | None:
        """The file in which the old rows of the shard stay for the moment, as others share it."""
        part = self.parts[output]
        return part.stale_in if part.own_bytes is None else part.path


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
class Trace:
    """What was going on when a process ended.

    Attributes:
        attempt: Which attempt at the shard it was.
        item: Index of the item in hand; None where none or several were.
        key: Its key, if it is known.
        cleared: Whether the shard's suspect had been tried alone, and the process had lived on.
        status: What the item becomes if it turns out to be to blame.
        reason: Why the process was ended, if the watchdog did it.
        details: Where the code was: a stack of each thread.
    """

    attempt: int
    item: int | None = None
    key: str | None = None
    cleared: bool = False
    status: str = CRASHED
    reason: str = ""
    details: str = ""

    def sentence(self) -> str:
        """What is known of it."""
        item = "no item" if self.item is None else f"item {self.item} ('{self.key}')"
        reason = self.reason or "the worker was lost"
        return f"Attempt {self.attempt}: {reason}, with {item} in hand."


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
        revision: Its members, if they are not those that were planned first.
        origin: The input that they were listed in; None if that is not recorded.
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
    revision: Revision | None = None
    origin: Origin | None = None

    def revised(self, revision: Revision) -> ShardSpec:
        """The shard with other members."""
        return replace(
            self,
            plan_file=revision.file,
            row_group=revision.row_group,
            members=None if revision.items < 0 else revision.items,
            bytes=revision.bytes,
            revision=revision,
        )

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
