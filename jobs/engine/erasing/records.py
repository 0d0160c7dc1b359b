"""Records of an output without the names of what was forgotten."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow.parquet as pq

from jobs.engine.forgotten import Forgotten
from jobs.engine.lease.log import Log, LogEntry, entry_path
from jobs.engine.ledger.checkpoints import CHECKPOINTS, checkpoint_verdicts, delete_checkpoints
from jobs.engine.ledger.commits import (
    commit_path,
    failure_path,
    is_committed,
    parse_failure,
    quarantined,
    read_commits,
    restate_commit,
)
from jobs.engine.ledger.heads import Heads
from jobs.engine.parts.layout import Layout
from jobs.engine.parts.row_names import naming_columns
from jobs.engine.reports import ShardReport
from jobs.storage.storage import Storage


class Records:
    """The records that name items: commits, entries of the log, checkpoints, what was given up.

    Args:
        storage: The output.
        forgotten: What was forgotten.
        of_faces: Whether items are faces.
        entries: Entries of the log; None reads them.
    """

    def __init__(
        self,
        storage: Storage,
        forgotten: Forgotten,
        of_faces: bool,
        entries: Sequence[LogEntry] | None = None,
    ) -> None:
        """Reads the log."""
        self._storage = storage
        self._forgotten = forgotten
        self._of_faces = of_faces
        self._log = Log(storage)
        self._entries = list(self._log.after(0)) if entries is None else entries

    def latest(self, shards: Collection[str]) -> dict[str, ShardReport]:
        """What was last recorded of some committed shards, but for parts that were merged since."""
        reports = {report.shard: report for report in read_commits(self._storage, shards)}
        for entry in self._entries:
            for report in entry.retried:
                # As in `Heads.apply`: what is older than the commit counts no more.
                if report.shard in reports and reports[report.shard].epoch <= entry.number:
                    reports[report.shard] = report
        return reports

    def naming(self, shards: Iterable[str]) -> tuple[list[ShardReport], list[LogEntry], bool]:
        """Records that name something that was forgotten.

        Args:
            shards: Those whose commits are looked at.

        Returns:
            Commits, entries of the log, and whether a checkpoint does.
        """
        there = [shard for shard in shards if is_committed(self._storage, shard)]
        commits = [
            report for report in read_commits(self._storage, there) if self._names(report.verdicts)
        ]
        entries = [
            entry
            for entry in self._entries
            if any(self._names(report.verdicts) for report in entry.retried)
        ]
        return commits, entries, self._names(checkpoint_verdicts(self._storage))

    def paths(self, shards: Iterable[str]) -> list[str]:
        """Paths of all records that name something that was forgotten.

        Args:
            shards: Those that are committed.
        """
        commits, entries, in_checkpoints = self.naming(sorted(shards))
        return [
            *(commit_path(report.shard) for report in commits),
            *(entry_path(entry.number) for entry in entries),
            *([CHECKPOINTS] * in_checkpoints),
            *map(failure_path, self.given_up((), ())),
        ]

    def given_up(self, shards: Collection[str], texts: Collection[str]) -> list[str]:
        """Shards whose quarantine record may tell of something that was forgotten.

        Args:
            shards: Those that had it among their members.
            texts: Keys and places, which errors may have named.
        """
        found = []
        for shard in sorted(quarantined(self._storage)):
            data = self._storage.read_bytes(failure_path(shard))
            key = parse_failure(data, shard).key
            is_named = key is not None and self._forgotten.has_item(key, self._of_faces)
            if is_named or shard in shards or _mentions(json.loads(data), texts):
                found.append(shard)
        return found

    def restate(
        self, commits: Iterable[ShardReport], entries: Iterable[LogEntry], checkpoints: bool
    ) -> None:
        """Writes records in their own places, without those names; they count for the same.

        Checkpoints go: records say the same.
        """
        for report in commits:
            restate_commit(self._storage, self.without(report))
        for entry in entries:
            self._log.restate(replace(entry, retried=[*map(self.without, entry.retried)]))
        if checkpoints:
            delete_checkpoints(self._storage)

    def without(self, report: ShardReport) -> ShardReport:
        """A report that does not name what was forgotten."""
        return replace(report, verdicts=self.kept(report.verdicts))

    def kept(self, verdicts: Mapping[str, str]) -> dict[str, str]:
        """Verdicts on what was not forgotten."""
        return {
            name: status
            for name, status in verdicts.items()
            if not self._forgotten.has_item(name, self._of_faces)
        }

    def _names(self, verdicts: Iterable[str]) -> bool:
        return any(self._forgotten.has_item(name, self._of_faces) for name in verdicts)


def of_faces(storage: Storage, heads: Heads, primary: str) -> bool:
    """Whether items of an output are faces, as far as something is committed."""
    for _, part in heads.parts(primary):
        with storage.open(part.path) as stream, pq.ParquetFile(stream) as file:
            return len(naming_columns(Layout.of(file).schema)) > 1
    return False


def _mentions(record: Any, texts: Collection[str]) -> bool:
    """Whether a text anywhere in a record has one of some texts in it."""
    if isinstance(record, Mapping):
        return any(_mentions(value, texts) for value in record.values())
    if isinstance(record, list):
        return any(_mentions(value, texts) for value in record)
    return isinstance(record, str) and any(text in record for text in texts)
