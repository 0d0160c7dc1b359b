"""The commit records, read in plan order, and what each says against its own plan."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from jobs.engine.checks.stored_plan import Planned, StoredPlan
from jobs.engine.lease.log import LogEntry
from jobs.engine.ledger.commits import commit_path, is_committed, parse_commit, read_commits
from jobs.engine.records import RecordError
from jobs.engine.reports import Merged, Revision, ShardReport
from jobs.storage.storage import Storage

_READ_TOGETHER = 256


@dataclass(frozen=True)
class Committed:
    """A shard that is committed.

    Attributes:
        planned: What the plan says.
        report: What its record says, or the log of what took its place.
    """

    planned: Planned
    report: ShardReport


@dataclass(frozen=True)
class _Unread:
    """A shard whose record cannot be read, and why."""

    shard: str
    problem: str


@dataclass
class Counted:
    """What the commits that can be read say together.

    Attributes:
        shards_done: Number of them.
        members_done: Items.
        failed: Items whose status counts as failed.
        statuses: Status -> items.
        rows: Output -> rows.
    """

    shards_done: int = 0
    members_done: int = 0
    failed: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)

    def add(self, report: ShardReport) -> None:
        """Adds a commit."""
        self.shards_done += 1
        self.members_done += report.members
        self.failed += report.failed
        self.statuses.update(report.statuses)
        self.rows.update(report.rows)


class CommitsCheck:
    """Reads the commit records of shards, and checks each on its own.

    Args:
        storage: The output.
        plan: Its plan.
        entries: Entries of the log, in order.
        failed_statuses: Statuses that count as failed; None where that is not known.
        tell: Told what is wrong, a sentence each.

    Attributes:
        tally: Tally of the records that can be read.
        unread: Shards whose records cannot be read.
        stale: Whether a shared part still has rows that a retry has taken the place of.
    """

    def __init__(
        self,
        storage: Storage,
        plan: StoredPlan,
        entries: Iterable[LogEntry],
        failed_statuses: frozenset[str] | None,
        tell: Callable[[str], None],
    ) -> None:
        """Reads nothing yet."""
        self._storage = storage
        self._plan = plan
        self._changes: dict[str, list[tuple[int, ShardReport | Merged | Revision]]] = {}
        for entry in entries:
            for report in entry.retried:
                self._changes.setdefault(report.shard, []).append((entry.number, report))
            for merged in entry.merged:
                for shard in merged.shards:
                    self._changes.setdefault(shard, []).append((entry.number, merged))
            for shard, revision in entry.revised.items():
                self._changes.setdefault(shard, []).append((entry.number, revision))
        self._failed_statuses = failed_statuses
        self._tell = tell
        self.tally = Counted()
        self.unread: set[str] = set()
        self.stale = False

    def run(self, planned: Iterable[Planned]) -> Iterator[Committed]:
        """Yields the shards whose records can be read, in the order given; all have one."""
        for found in _read(self._storage, planned):
            if isinstance(found, Committed):
                head = self._head(found.report)
                planned_now = found.planned
                if head.revision:
                    planned_now = self._plan.revised(found.planned, head.revision, self._tell)
                found = Committed(planned_now, head)
                self.tally.add(found.report)
                self.stale |= any(part.stale_in for part in found.report.parts.values())
                for problem in _contradictions(found, self._failed_statuses):
                    self._tell(problem)
                yield found
            else:
                self._tell(found.problem)
                self.unread.add(found.shard)

    def _head(self, report: ShardReport) -> ShardReport:
        """What took the place of a commit, or the commit."""
        epoch = report.epoch
        for number, change in self._changes.get(report.shard, ()):
            # As in `Heads.apply`: of those before the commit, merges that others need count.
            if isinstance(change, ShardReport):
                report = change if epoch <= number else report
            elif isinstance(change, Revision):
                report = replace(report, revision=change) if epoch <= number else report
            elif epoch <= number or self._needed(change, number):
                parts = {**report.parts, change.output: dict(change.parts())[report.shard]}
                report = replace(report, parts=parts)
        return report

    def _needed(self, merged: Merged, number: int) -> bool:
        """Whether a shard of a merge was committed before it."""
        there = [shard for shard in merged.shards if is_committed(self._storage, shard)]
        return any(report.epoch <= number for report in read_commits(self._storage, there))


def _read(storage: Storage, planned: Iterable[Planned]) -> Iterator[Committed | _Unread]:
    stream = iter(planned)
    while together := list(islice(stream, _READ_TOGETHER)):
        paths = [commit_path(each.shard) for each in together]
        try:
            contents: list[bytes | None] = list(storage.read_many(paths))
        except FileNotFoundError:
            contents = [None] * len(paths)
        for each, data in zip(together, contents, strict=True):
            yield _committed(storage, each, data)


def _committed(storage: Storage, planned: Planned, data: bytes | None) -> Committed | _Unread:
    if data is not None:
        # Of several at once some may come cut off, which one alone does not.
        with contextlib.suppress(RecordError):
            return Committed(planned, parse_commit(data, planned.shard))
    try:
        data = storage.read_bytes(commit_path(planned.shard))
        return Committed(planned, parse_commit(data, planned.shard))
    except FileNotFoundError:
        problem = f"The commit of shard {planned.shard} was removed meanwhile; verify again."
    except RecordError as error:
        problem = str(error)
    return _Unread(planned.shard, problem)


def _contradictions(committed: Committed, failed_statuses: frozenset[str] | None) -> Iterator[str]:
    """What a record says that cannot be."""
    report, spec = committed.report, committed.planned.spec
    shard = report.shard
    members = report.members + report.forgotten
    if spec and spec.members is not None and members != spec.members:
        yield f"The commit of shard {shard} has {report.members} members, the plan {spec.members}."
    if spec and report.bytes != spec.bytes:
        yield f"The commit of shard {shard} has {report.bytes} input bytes, the plan {spec.bytes}."
    if sum(report.statuses.values()) != report.members:
        yield f"The statuses of shard {shard} do not add up to its members."
    if failed_statuses is not None:
        failed = sum(report.statuses.get(status, 0) for status in failed_statuses)
        if report.failed != failed:
            yield f"Shard {shard} has {report.failed} failed items where its statuses say {failed}."
    if report.rows.get(report.primary) != report.members:
        yield (
            f"Shard {shard} has {report.rows.get(report.primary)} rows in "
            f"'{report.primary}' for {report.members} members."
        )
