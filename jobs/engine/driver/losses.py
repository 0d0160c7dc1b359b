"""What an output has of what was forgotten, and what is told of that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from jobs.engine.erasing.parts import Touched
from jobs.engine.erasing.plans import Members
from jobs.engine.lease.log import LogEntry
from jobs.engine.reports import ShardReport


@dataclass(frozen=True)
class Forgetting:
    """What an output has lost, or would lose.

    Attributes:
        output: Local path or fsspec URL.
        rows: Table -> rows.
        entries: Entries of lists in rows that stay, which name what is forgotten.
        parts: Files of tables that are written anew.
        members: Members of the plan.
        records: Records that are written anew, or removed.
    """

    output: str
    rows: Mapping[str, int]
    entries: int
    parts: int
    members: int
    records: int

    @property
    def is_nothing(self) -> bool:
        """Whether there was nothing of it."""
        counts = (self.entries, self.parts, self.members, self.records)
        return not (any(self.rows.values()) or any(counts))


@dataclass(frozen=True)
class Survey:
    """All that an output has of what was forgotten.

    Attributes:
        url: Local path or fsspec URL of the output.
        parts: Files of its tables.
        members: Members of its plan, and the files that hold them.
        commits: Commit records that name some of it.
        entries: Entries of the log that do.
        checkpoints: Whether a checkpoint does.
        failures: Shards whose quarantine records may.
    """

    url: str
    parts: list[Touched]
    members: Members
    commits: list[ShardReport]
    entries: list[LogEntry]
    checkpoints: bool
    failures: list[str]

    @property
    def shards(self) -> set[str]:
        """Shards whose rows are other ones without it."""
        return set[str]().union(*(one.changed for one in self.parts))

    @property
    def told(self) -> Forgetting:
        """What users are told of it."""
        rows: Counter[str] = Counter()
        for one in self.parts:
            rows[one.output] += one.rows.total()
        return Forgetting(
            self.url,
            dict(rows),
            sum(one.entries for one in self.parts),
            len(self.parts),
            len(self.members),
            len(self.commits) + len(self.entries) + self.checkpoints + len(self.failures),
        )
