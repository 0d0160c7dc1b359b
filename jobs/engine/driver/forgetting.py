"""An output while it forgets: what it has of something, and how that leaves it."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from jobs.engine.driver.losses import Forgetting, Survey
from jobs.engine.driver.merging import merge_all, regroupings
from jobs.engine.driver.status import take_stock
from jobs.engine.driver.summary import Summary, after_change
from jobs.engine.erasing.parts import Erased, Touched, lost_in, touched, written_without
from jobs.engine.erasing.plans import (
    Members,
    plan_nothing,
    planned_members,
    revised_without,
    strays,
    write_generations_without,
)
from jobs.engine.erasing.records import Records, of_faces
from jobs.engine.erasing.search import Met, Named, Wanted, met, tombstones
from jobs.engine.forgotten import (
    Forgotten,
    Tombstone,
    begin_forgetting,
    end_forgetting,
    is_forgetting,
)
from jobs.engine.identity import require_identity
from jobs.engine.interrupts import Interrupts
from jobs.engine.lease.lease import Lease
from jobs.engine.ledger.commits import failure_path
from jobs.engine.ledger.ending import is_at_rest
from jobs.engine.ledger.heads import Heads
from jobs.engine.ledger.ledger import Ledger
from jobs.engine.ledger.lost import refuse_lost
from jobs.engine.plans.plan import Plan
from jobs.engine.reports import Merged, Revision, ShardReport
from jobs.engine.settings import RunSettings
from jobs.storage.room import check_room
from jobs.storage.storage import Storage


@dataclass(frozen=True)
class Target:
    """An output that is to forget.

    Attributes:
        url: Local path or fsspec URL.
        tables: Its tables, the primary one first.
        failed_statuses: Statuses that count as failed.
        row_group_bytes: Limit of a row group's data before compression, as in its job.
        options: Keyword arguments of its fsspec file system.
    """

    url: str
    tables: Sequence[str]
    failed_statuses: frozenset[str]
    row_group_bytes: int
    options: Mapping[str, Any] = field(default_factory=dict)


class Output:
    """An output while it forgets."""

    def __init__(self, target: Target, lease: Lease | None) -> None:
        """Reads what is committed, what is planned, and what was forgotten before."""
        self.url = target.url
        self.storage = Storage(target.url, target.options)
        require_identity(self.storage)
        self.forgotten = Forgotten.read(self.storage)
        self._target = target
        self._primary = target.tables[0]
        self._new: list[Tombstone] = []
        self._lease = lease
        self._ledger = Ledger(self.storage, lease, target.tables, forgets=True) if lease else None
        self.heads = self._ledger.heads if self._ledger else Heads.read(self.storage)
        refuse_lost(self.storage, self.heads)
        self.plan = Plan(self.storage, self.heads.revisions())

    @property
    def ledger(self) -> Ledger:
        """The writing side of its records."""
        assert self._ledger is not None  # where something is written
        return self._ledger

    @cached_property
    def of_faces(self) -> bool:
        """Whether its items are faces."""
        return of_faces(self.storage, self.heads, self._primary)

    def met(self, wanted: Wanted) -> Met:
        """What it has of what is wanted."""
        return met(self.storage, self.heads, self.plan, set(wanted.keys))

    def set_aside(self, names: set[Named], face: int | None) -> None:
        """Takes note of what is to be forgotten; nothing is written."""
        self._new = tombstones(self.forgotten, names, face)
        self.forgotten.add(self._new)

    @property
    def has_work(self) -> bool:
        """Whether it is not as it is to be."""
        is_open = self._new or is_forgetting(self.storage) or not is_at_rest(self.storage)
        return bool(is_open) or not self.survey().told.is_nothing

    def survey(self) -> Survey:
        """Finds all that it has of what was forgotten."""
        forgotten = self.forgotten
        parts = touched(self.storage, self.heads, self._primary, forgotten)
        members = planned_members(self.storage, self.plan, self.heads, forgotten)
        records = Records(self.storage, forgotten, self.of_faces)
        shards = {*members.gone}.union(*(one.changed for one in parts))
        keys = (name for one in parts for name in one.lost if isinstance(name, str))
        lost = {*keys, *members.keys}
        texts = {*members.uris, *filter(forgotten.has_photo, lost)}
        found = records.naming(sorted(shards))
        return Survey(
            self.url, parts, members, *found, records.given_up(members.gone.keys(), texts)
        )

    def begin(self, settings: RunSettings) -> None:
        """Takes the output."""
        check_room(self.storage, settings.min_free_bytes)
        self.ledger.begin_late()

    def bury(self) -> None:
        """Sets the tombstones."""
        begin_forgetting(self.storage, self.forgotten, self._new, self.ledger.epoch)

    def erase(self, settings: RunSettings, signals: Interrupts) -> Forgetting:
        """Takes out all that has a tombstone."""
        ledger, storage = self.ledger, self.storage
        find = regroupings(self._target.row_group_bytes)
        merge_all(storage, ledger, find, settings, signals)
        self.heads = ledger.heads
        found = self.survey()
        ledger.check()
        storage.delete(*map(failure_path, found.failures))
        records = Records(storage, self.forgotten, self.of_faces)
        records.restate(found.commits, found.entries, found.checkpoints)
        if found.checkpoints:
            ledger.refresh()
        self._replace(found, records)
        ledger.check()
        self._replan(found.members)
        self._sweep()
        end_forgetting(storage)

        def summarise(heads: Heads) -> Summary:
            plan = Plan(storage, heads.revisions())
            return after_change(storage, take_stock(storage, plan, heads))

        ledger.end(summarise)
        return found.told

    def _replace(self, found: Survey, records: Records) -> None:
        """Lets parts and members without it take the place of those there are, all at once."""
        storage, ledger, epoch = self.storage, self.ledger, self.ledger.epoch
        revisions = revised_without(
            storage, ledger.heads, found.members.revisions, self.forgotten, epoch
        )
        if not (found.parts or revisions):
            return
        fewer = {name: lost_in(found.parts, name) for name in self._target.tables[1:]}
        erased: list[tuple[Touched, Erased]] = []
        for one in found.parts:
            new = written_without(
                storage, one, self.forgotten, fewer, epoch, self._target.row_group_bytes
            )
            erased.append((one, new))
            ledger.check()
        reports = list(self._reports(found, records, erased, revisions))
        ledger.replace(
            reports,
            [
                Merged(one.output, new.path, new.bytes, new.sha256, _sizes(new))
                for one, new in erased
                if len(one.shards) > 1
            ],
            {shard: each for shard, each in revisions.items() if shard not in found.shards},
        )

    def _reports(
        self,
        found: Survey,
        records: Records,
        erased: Sequence[tuple[Touched, Erased]],
        revisions: Mapping[str, Revision],
    ) -> Iterator[ShardReport]:
        """What is recorded of the shards whose rows are other ones now."""
        latest = records.latest(found.shards)
        for head in self.ledger.heads.of(found.shards):
            shard, parts, statuses = head.shard, dict(head.parts), dict(head.statuses)
            for one, new in erased:
                if shard in new.parts:
                    parts[one.output] = new.parts[shard]
                    if one.output == self._primary:
                        statuses = dict(sorted(new.statuses[shard].items()))
            gone = found.members.gone.get(shard, [])
            members = sum(statuses.values())
            fewer = sum(head.statuses.values()) - members - len(gone)
            yield replace(
                records.without(latest[shard]),
                members=members,
                bytes=latest[shard].bytes - sum(member.size or 0 for member in gone),
                statuses=statuses,
                failed=sum(statuses.get(each, 0) for each in self._target.failed_statuses),
                parts=parts,
                verdicts=records.kept(head.verdicts),
                retried=0,
                epoch=self.ledger.epoch,
                revision=revisions.get(shard, head.revision),
                forgotten=latest[shard].forgotten + max(0, fewer),
            )

    def _replan(self, members: Members) -> None:
        """Gives the plan files without it."""
        storage, ledger = self.storage, self.ledger
        plan = Plan(storage, ledger.heads.revisions())
        next_one = f"generation-{plan.generations:03d}."
        if any(
            posixpath.basename(path).startswith(next_one)
            for path in strays(storage, plan, ledger.heads)
        ):
            # Of a planning that was stopped: it must not come to count when its files are gone.
            plan_nothing(storage, plan.generations)
        write_generations_without(storage, members.files, self.forgotten, ledger.epoch)

    def _sweep(self) -> None:
        """Removes files that do not count, since nobody knows what is in them."""
        storage, ledger = self.storage, self.ledger
        plan = Plan(storage, ledger.heads.revisions())
        left = strays(storage, plan, ledger.heads)
        kept = set(ledger.heads.paths().to_pylist())
        for table in ledger.outputs:
            paths = (f"{table}/{name}" for name in storage.names(table))
            left += [path for path in paths if path not in kept]
        ledger.check()
        storage.delete(*left)


def _sizes(new: Erased) -> dict[str, tuple[int, int]]:
    """Shard -> its rows, and the size of the file that it was written to."""
    return {shard: (part.rows, part.size) for shard, part in new.parts.items()}
