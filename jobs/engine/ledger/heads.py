"""What is committed of every shard by now: its first commit, or what took the place of that."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from jobs.engine.lease.log import Log, LogEntry
from jobs.engine.ledger.checkpoints import SCHEMA, part_row, read_checkpoints, row_of
from jobs.engine.ledger.commits import committed_numbers, read_commits
from jobs.engine.plans.plan import Plan
from jobs.engine.reports import Merged, PartReport, Revision
from jobs.engine.shards import shard_name, shard_number
from jobs.storage.storage import Storage

_ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Head:
    """What is committed of a shard.

    Attributes:
        shard: Its identifier.
        statuses: Status -> number of items.
        parts: Output -> the shard's rows.
        verdicts: Key -> status of the items that were not touched.
        revision: Its members, if they are not those that were planned first.
        made: Number of the entry of the log by whose driver its rows were made, or with which they
            were made anew; other files that they come to lie in do not count.
    """

    shard: str
    statuses: Mapping[str, int]
    parts: Mapping[str, PartReport]
    verdicts: Mapping[str, str]
    revision: Revision | None = None
    made: int = 0


@dataclass(frozen=True)
class Tally:
    """What committed shards say together.

    Attributes:
        members: Number of items.
        failed: Those with a status that counts as failed.
        statuses: Status -> items, most frequent first.
        rows: Output -> rows.
        bytes: Output -> bytes of its parts.
        files: Output -> number of its parts.
    """

    members: int
    failed: int
    statuses: Mapping[str, int]
    rows: Mapping[str, int]
    bytes: Mapping[str, int]
    files: Mapping[str, int]


class Heads:
    """The committed shards of an output, as a table in plan order.

    Args:
        table: A row a shard; see `jobs.engine.ledger.checkpoints.SCHEMA`.
        position: Number of the last entry of the log that is taken into account.
        fresh: Rows of `table` that no checkpoint has; `(rows,)`.

    Attributes:
        has_checkpoints: Whether the stored checkpoints, if any, could be used.
    """

    def __init__(self, table: pa.Table, position: int, fresh: npt.NDArray[np.bool_]) -> None:
        self.position = position
        self.has_checkpoints = True
        self._table = table
        self._fresh = fresh
        self._numbers = _numbers(table)

    @classmethod
    def read(cls, storage: Storage) -> Heads:
        """The committed shards of an output.

        Checkpoints tell of most of them, so that few small records are to be read.

        Raises:
            UserError: A record is damaged.
        """
        # In this order, since a run may be under way: what gives way was committed before.
        log = Log(storage)
        nothing = SCHEMA.empty_table(), 0
        found = read_checkpoints(storage)
        usable = found is not None and found[1] <= log.last()  # else of a log that was cut off
        stored, covered = found if found is not None and usable else nothing
        entries = list(log.after(covered))
        numbers = committed_numbers(storage)
        if not np.isin(_numbers(stored), numbers).all():  # a record was removed
            usable, (stored, covered) = False, nothing
            entries = list(log.after(covered))
        new = numbers[~np.isin(numbers, _numbers(stored))]
        names = (shard_name(int(n) >> 32, int(n) & 0xFFFFFFFF) for n in new)
        rows = [row_of(report) for report in read_commits(storage, names)]
        added = pa.Table.from_pylist(rows, SCHEMA)
        table = pa.concat_tables([stored, added])
        fresh = np.arange(table.num_rows) >= stored.num_rows
        table, fresh = _in_order(table, fresh)
        heads = cls(table, covered, fresh)
        heads.has_checkpoints = usable
        heads.apply(*entries)
        return heads

    def has(self, shard: str) -> bool:
        """Whether a shard is committed."""
        number = _number(shard)
        place = int(np.searchsorted(self._numbers, number))
        return place < len(self._numbers) and int(self._numbers[place]) == number

    def outputs(self) -> list[str]:
        """Names of the outputs that have parts."""
        return sorted(pc.unique(self._flat_parts()[0].field("output")).to_pylist())

    def __len__(self) -> int:
        """Number of committed shards."""
        return len(self._numbers)

    def which(self, plan: Plan) -> npt.NDArray[np.bool_]:
        """Tells which shards of a plan are committed, shape `(shards,)`."""
        return plan.which_numbers(self._numbers)

    def apply(self, *entries: LogEntry) -> None:
        """Takes entries of the log into account, in their order.

        A shard may have been committed anew since, by hand of a user who removed a damaged record:
        a retry before that counts no more, and a merge as long as another shard needs it.
        """
        rows: dict[str, dict[str, Any]] = {}
        for entry in entries:
            self.position = entry.number
            named = (report.shard for report in entry.retried)
            shared = (shard for each in entry.merged for shard in each.shards)
            shards = dict.fromkeys([*named, *shared, *entry.revised])
            rows.update(self._rows([s for s in shards if s not in rows and self.has(s)]))
            for report in entry.retried:
                if report.shard in rows and rows[report.shard]["position"] <= entry.number:
                    rows[report.shard] = row_of(report, entry.number)
            for merged in entry.merged:
                there = [shard for shard in merged.shards if shard in rows]
                if any(rows[shard]["position"] <= entry.number for shard in there):
                    parts = dict(merged.parts())
                    for shard in there:
                        rows[shard] = _after_merge(rows[shard], merged, parts[shard], entry.number)
            for shard, revision in entry.revised.items():
                if shard in rows and rows[shard]["position"] <= entry.number:
                    rows[shard] = {
                        **rows[shard],
                        "revision": vars(revision),
                        "position": entry.number,
                    }
        if not rows:
            return
        table = pa.concat_tables([self._table, pa.Table.from_pylist(list(rows.values()), SCHEMA)])
        fresh = np.concatenate([self._fresh, np.ones(len(rows), np.bool_)])
        self._table, self._fresh = _in_order(table, fresh)
        self._numbers = _numbers(self._table)

    def fresh(self) -> pa.Table:
        """The rows that no checkpoint has."""
        return self._table.filter(pa.array(self._fresh))

    def mark_stored(self) -> None:
        """Takes note that a checkpoint has the rows that were fresh."""
        self._fresh[:] = False

    def with_status(self, statuses: Collection[str]) -> dict[str, int]:
        """Shard -> items with one of some statuses, for those that have any, in plan order."""
        column = self._table.column("statuses").combine_chunks()
        wanted = pc.is_in(column.keys, value_set=pa.array(list(statuses), pa.string()))
        counts = np.where(wanted, column.items, 0)
        sums = np.concatenate([[0], np.cumsum(counts)])
        offsets = np.asarray(column.offsets) - column.offsets[0].as_py()
        found = sums[offsets[1:]] - sums[offsets[:-1]]
        return {self._name(int(row)): int(found[row]) for row in np.flatnonzero(found)}

    def of(self, shards: Collection[str]) -> Iterator[Head]:
        """The heads of some shards, all of which are committed, in plan order."""
        table = self._table.take(pa.array(self._places(sorted(shards, key=_number))))
        for batch in table.to_batches(max_chunksize=_ROWS_AT_ONCE):
            yield from map(_head, batch.to_pylist())

    def all(self) -> Iterator[Head]:
        """Yields the heads of all shards, in plan order; few at a time are in memory as objects."""
        for batch in self._table.to_batches(max_chunksize=_ROWS_AT_ONCE):
            yield from map(_head, batch.to_pylist())

    def stale(self) -> dict[tuple[str, str], dict[str, PartReport]]:
        """Output and path of files with rows that do not count any more -> shards to rewrite.

        Those with rows in such a file, and those whose old rows it still has, in plan order.
        """
        parts, rows = self._flat_parts()
        if not parts.field("stale_in").null_count < len(parts):
            return {}
        paths = pc.unique(parts.field("stale_in").drop_null())
        concerned = pc.or_(
            pc.is_in(parts.field("path"), value_set=paths),
            pc.fill_null(pc.is_in(parts.field("stale_in"), value_set=paths), False),
        )
        found: dict[tuple[str, str], dict[str, PartReport]] = {}
        for row, part in zip(
            rows[np.asarray(concerned)].tolist(), parts.filter(concerned).to_pylist(), strict=True
        ):
            path = part["path"] if part["stale_in"] is None else part["stale_in"]
            shards = found.setdefault((part["output"], path), {})
            shards[self._name(row)] = _part(part)
        return found

    def revisions(self) -> dict[str, Revision]:
        """Shard -> its members, of those whose members are not those that were planned first."""
        column = self._table.column("revision").combine_chunks()
        rows = np.flatnonzero(np.asarray(column.is_valid())).tolist()
        some = column.drop_null().to_pylist()
        return {self._name(row): Revision(**each) for row, each in zip(rows, some, strict=True)}

    def with_files(self, paths: Collection[str]) -> list[str]:
        """Shards that have rows in some files, or old rows that do not count, in plan order."""
        parts, rows = self._flat_parts()
        wanted = pa.array(sorted(paths), pa.string())
        concerned = pc.or_(
            pc.is_in(parts.field("path"), value_set=wanted),
            pc.is_in(parts.field("stale_in"), value_set=wanted),
        )
        return [self._name(row) for row in np.unique(rows[np.asarray(concerned)]).tolist()]

    def files(self) -> Iterator[tuple[str, int | None]]:
        """Yields path and bytes of all files with rows that count; None if those are not known.

        Those that are to give way to others are among them: they have rows of other shards.
        """
        parts, _ = self._flat_parts()
        columns = (parts.field(name).to_pylist() for name in ("path", "bytes"))
        yield from dict(zip(*columns, strict=True)).items()

    def paths(self) -> pa.Array:
        """Paths of all parts with rows that count, each once or more often."""
        return self._flat_parts()[0].field("path")

    def parts(self, output: str) -> Iterator[tuple[str, PartReport]]:
        """Each shard with its rows in one output, in plan order."""
        parts, rows = self._flat_parts()
        wanted = pc.equal(parts.field("output"), output)
        rows, parts = rows[np.asarray(wanted)], parts.filter(wanted)
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            some = parts.slice(start, _ROWS_AT_ONCE).to_pylist()
            for row, part in zip(rows[start : start + _ROWS_AT_ONCE], some, strict=True):
                yield self._name(int(row)), _part(part)

    def tally(self) -> Tally:
        """What all shards say together."""
        # By NumPy: Arrow's `group_by` loads what reads data sets of many files, which takes a tenth
        # of the time that `status` does.
        statuses = self._table.column("statuses").combine_chunks()
        counts = _Groups(statuses.keys).sums(statuses.items)
        parts, _ = self._flat_parts()
        outputs = _Groups(parts.field("output"))
        _, first = np.unique(_Groups(parts.field("path")).places, return_index=True)
        return Tally(
            members=pc.sum(self._table["members"]).as_py() or 0,
            failed=pc.sum(self._table["failed"]).as_py() or 0,
            statuses=dict(sorted(counts.items(), key=lambda each: (-each[1], each[0]))),
            rows=outputs.sums(parts.field("rows")),
            bytes=outputs.sums(parts.field("bytes"), first),
            files=outputs.sums(np.ones(len(parts), np.int64), first),
        )

    def _rows(self, shards: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Shard -> its row, for some that are committed."""
        if not shards:
            return {}
        rows = self._table.take(pa.array(self._places(shards))).to_pylist()
        return dict(zip(shards, rows, strict=True))

    def _places(self, shards: Sequence[str]) -> npt.NDArray[np.intp]:
        """Indices of the rows of some shards, all of which are committed."""
        return np.searchsorted(self._numbers, [_number(shard) for shard in shards])

    def _flat_parts(self) -> tuple[pa.StructArray, npt.NDArray[np.int64]]:
        """All parts of all shards, and the row of each."""
        column = self._table.column("parts").combine_chunks()
        return column.flatten(), np.asarray(pc.list_parent_indices(column))

    def _name(self, row: int) -> str:
        number = int(self._numbers[row])
        return shard_name(number >> 32, number & 0xFFFFFFFF)


class _Groups:
    """Numbers by the names beside them.

    Attributes:
        places: Which of the names each is, shape `(names,)`.
    """

    def __init__(self, names: pa.Array) -> None:
        encoded = names.dictionary_encode()
        self.places = np.asarray(encoded.indices)
        self._names: list[str] = encoded.dictionary.to_pylist()

    def sums(
        self, numbers: npt.ArrayLike, rows: npt.NDArray[np.intp] | slice = slice(None)
    ) -> dict[str, int]:
        """Name -> the sum of its numbers in some rows, below 2**53; by name."""
        sums = np.bincount(self.places[rows], np.asarray(numbers)[rows], len(self._names))
        return {name: int(total) for name, total in sorted(zip(self._names, sums, strict=True))}


def _numbers(table: pa.Table) -> npt.NDArray[np.int64]:
    """Generation and index of each row's shard in one number, which is in plan order."""
    generation, index = (np.asarray(table[name]) for name in ("generation", "index"))
    return np.asarray((generation.astype(np.int64) << 32) | index, np.int64)


def _number(shard: str) -> int:
    generation, index = shard_number(shard) or (0, 0)
    return generation << 32 | index


def _in_order(
    table: pa.Table, fresh: npt.NDArray[np.bool_]
) -> tuple[pa.Table, npt.NDArray[np.bool_]]:
    """The last row of each shard, in plan order."""
    numbers = _numbers(table)
    order = np.lexsort((np.arange(len(numbers)), np.asarray(table["position"]), numbers))
    ordered = numbers[order]
    last = order[np.concatenate([ordered[1:] != ordered[:-1], [True]])[: len(order)]]
    if np.array_equal(last, np.arange(len(numbers))):
        return table, fresh
    return table.take(pa.array(last)), fresh[last]


def _after_merge(
    row: dict[str, Any], merged: Merged, part: PartReport, number: int
) -> dict[str, Any]:
    others = [each for each in row["parts"] if each["output"] != merged.output]
    parts = [*others, part_row(merged.output, part)]
    return {**row, "parts": parts, "position": max(number, row["position"])}


def _head(row: Mapping[str, Any]) -> Head:
    return Head(
        shard=shard_name(row["generation"], row["index"]),
        statuses=dict(row["statuses"]),
        parts={part["output"]: _part(part) for part in row["parts"]},
        verdicts=dict(row["verdicts"]),
        revision=None if row["revision"] is None else Revision(**row["revision"]),
        made=row["made"],
    )


def _part(fields: Mapping[str, Any]) -> PartReport:
    return PartReport(**{name: value for name, value in fields.items() if name != "output"})
