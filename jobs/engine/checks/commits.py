"""The commit records, read in plan order, and what each says against its own plan."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from jobs.engine.checks.plan import Planned
from jobs.engine.commit import commit_path, parse_commit
from jobs.engine.files.storage import Storage
from jobs.engine.records import RecordError
from jobs.engine.shards import ShardReport

_READ_TOGETHER = 256


@dataclass(frozen=True)
class Committed:
    """A shard with its commit record.

    Attributes:
        planned: What the plan says.
        report: What the record says.
    """

    planned: Planned
    report: ShardReport


@dataclass(frozen=True)
class _Unread:
    """A shard whose record cannot be read, and why."""

    shard: str
    problem: str


@dataclass
class Tally:
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
        failed_statuses: Statuses that count as failed; None where that is not known.
        tell: Told what is wrong, a sentence each.

    Attributes:
        tally: Of the records that can be read.
        unread: Shards whose records cannot be read.
    """

    def __init__(
        self,
        storage: Storage,
        failed_statuses: frozenset[str] | None,
        tell: Callable[[str], None],
    ) -> None:
        """Reads nothing yet."""
        self._storage = storage
        self._failed_statuses = failed_statuses
        self._tell = tell
        self.tally = Tally()
        self.unread: set[str] = set()

    def run(self, planned: Iterable[Planned]) -> Iterator[Committed]:
        """Yields the shards whose records can be read, in the order given; all have one."""
        for found in _read(self._storage, planned):
            if isinstance(found, Committed):
                self.tally.add(found.report)
                for problem in _contradictions(found, self._failed_statuses):
                    self._tell(problem)
                yield found
            else:
                self._tell(found.problem)
                self.unread.add(found.shard)


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


def has_changed(storage: Storage, committed: Committed) -> bool:
    """Whether the record is not any more what it was when it was read."""
    try:
        data = storage.read_bytes(commit_path(committed.report.shard))
        return parse_commit(data, committed.report.shard) != committed.report
    except (FileNotFoundError, RecordError):
        return True


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
    if spec and spec.members is not None and report.members != spec.members:
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
