"""Small parts become few large ones, while every commit stays true."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from jobs.engine.bar import bar
from jobs.engine.commit import committed, read_commits
from jobs.engine.errors import UserError
from jobs.engine.exchange.journal import Merge, finish_changes, finish_compaction, write_journal
from jobs.engine.exchange.neighbours import Part, Run, runs
from jobs.engine.files.storage import Storage
from jobs.engine.interrupts import interrupts
from jobs.engine.lease.lease import Lease
from jobs.engine.lease.rest import is_at_rest
from jobs.engine.parts.layout import Layout
from jobs.engine.parts.part_writer import PartWriter
from jobs.engine.parts.stored import open_checked
from jobs.engine.plans.plan import Plan
from jobs.engine.shards import PartReport


@dataclass(frozen=True)
class Compacted:
    """What became of the parts of one output.

    Attributes:
        parts_before: Number of files before.
        parts_after: Number of files now.
        bytes_before: Their size before.
        bytes_after: Their size now.
        rows: Rows in them, before as now.
    """

    parts_before: int
    parts_after: int
    bytes_before: int
    bytes_after: int
    rows: int


@dataclass(frozen=True)
class Compaction:
    """What a compaction did.

    Attributes:
        outputs: Output -> what became of its parts.
    """

    outputs: Mapping[str, Compacted]


def compact(
    output: str,
    target_bytes: int = 256 * 2**20,
    options: Mapping[str, Any] | None = None,
    *,
    row_group_bytes: int = 32 * 2**20,
) -> Compaction:
    """Merges the parts of consecutive committed shards as long as they stay below a size.

    The rows, their order, the schemas and their metadata stay as they are. A merged part is
    called like that of its first shard; the commit of each shard tells which of its rows are the
    shard's. Where a shard is not committed nothing is merged across it, so that its rows find
    their place when it is. Sizes are those of the parts as the workers wrote them: what goes
    together does not depend on how often, or how far, the output was compacted before, and
    compacting again changes nothing.

    It may be killed at any time; the next compaction or run of the job finishes what it began.
    For a moment a reader that lists the folder, rather than reading the commits, sees rows
    twice: between the time a merged part takes the place of the first and the time the others
    are gone. A run of the job, or another compaction, is kept away meanwhile.

    Args:
        output: Local path or fsspec URL.
        target_bytes: Largest sum of sizes to merge; larger parts stay as they are.
        options: Keyword arguments of the fsspec file system.
        row_group_bytes: Limit of a row group's data before compression, as in the job.

    Raises:
        UserError: There is no job in the output, a run has it, or a part is damaged.
        Interrupted: SIGINT or SIGTERM; the same call resumes.
    """
    storage = Storage(output, options)
    with interrupts(), Lease(storage) as lease:
        plan = Plan(storage)
        if not plan.generations:
            raise UserError(f"There is no job in '{output}'; check the path.")
        if is_at_rest(storage) and (nothing := _already(storage, plan, target_bytes)) is not None:
            return nothing
        lease.take()
        finish_changes(storage)
        plan = Plan(storage)
        done, outputs = _committed(storage, plan)
        merger = _Merger(storage, outputs, row_group_bytes, lease)
        try:
            with bar("compacting", "parts", len(outputs) * int(done.sum())) as advance:
                changed = {}
                for name in outputs:
                    found = runs(storage, plan, done, name, target_bytes)
                    changed[name] = merger.merge_all(name, found, advance)
        finally:
            if lease.held:  # another may have it by now, and would be disturbed
                finish_compaction(storage)
    return Compaction(changed)


def _committed(storage: Storage, plan: Plan) -> tuple[npt.NDArray[np.bool_], list[str]]:
    """Which shards are committed, and the outputs they have parts of."""
    done = plan.which(committed(storage))
    first = (plan.shard(int(index)).shard for index in np.flatnonzero(done)[:1])
    outputs = [name for report in read_commits(storage, first) for name in report.parts]
    return done, outputs


def _already(storage: Storage, plan: Plan, target_bytes: int) -> Compaction | None:
    """How an output stands in which nothing is to be merged; None if something is."""
    done, outputs = _committed(storage, plan)
    found = {}
    for name in outputs:
        parts = size = rows = 0
        for run in runs(storage, plan, done, name, target_bytes):
            if run.layout:
                return None
            parts, size, rows = parts + 1, size + run.parts[0].file.bytes, rows + run.parts[0].rows
        found[name] = Compacted(parts, parts, size, size, rows)
    return Compaction(found)


class _Merger:
    """Merges runs of parts one after the other."""

    def __init__(
        self, storage: Storage, outputs: list[str], row_group_bytes: int, lease: Lease
    ) -> None:
        self._storage = storage
        self._outputs = outputs
        self._row_group_bytes = row_group_bytes
        self._lease = lease
        self._begun = False

    def merge_all(
        self, name: str, found: Iterator[Run], advance: Callable[[int], None]
    ) -> Compacted:
        """Merges the runs of one output."""
        parts_before = parts_after = bytes_before = bytes_after = rows = 0
        for run in found:
            parts_before += len(run.parts)
            parts_after += 1
            bytes_before += sum(part.file.bytes for part in run.parts)
            rows += sum(part.rows for part in run.parts)
            file = self._merge(name, run.parts, run.layout) if run.layout else run.parts[0].file
            bytes_after += file.bytes
            advance(sum(len(part.shards) for part in run.parts))
        return Compacted(parts_before, parts_after, bytes_before, bytes_after, rows)

    def _merge(self, name: str, parts: list[Part], layout: Layout) -> PartReport:
        """Puts one part in the place of several."""
        storage, path = self._storage, parts[0].file.path
        if not self._begun:
            self._note(None)
        with (
            storage.writing(),
            PartWriter(
                storage, path, layout.schema, self._row_group_bytes, layout.options or {}
            ) as writer,
        ):
            for part in parts:
                for batch in self._batches(part, layout.schema):
                    writer.write(batch)
            merged = writer.finish()
            old = {shard: share for part in parts for shard, share in part.shards.items()}
            merge = Merge(name, old, shares(old, path, merged))
            # What it is like is noted before it takes the place of another.
            self._note(merge)
            writer.publish()
        merge.complete(storage)
        self._note(None)
        return merged

    def _note(self, merge: Merge | None) -> None:
        self._lease.check()
        self._begun = True
        write_journal(self._storage, self._outputs, merge)

    def _batches(self, part: Part, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """The rows of a part, a row group in memory at a time."""
        with open_checked(self._storage, part) as file:
            for group in range(file.num_row_groups):
                yield from file.read_row_group(group).cast(schema).to_batches()


def shares(old: Mapping[str, PartReport], path: str, merged: PartReport) -> dict[str, PartReport]:
    """Shard -> what it has of a merged part, given the part that its rows come from."""
    found = {}
    first_row = 0
    for shard, part in old.items():
        found[shard] = PartReport(
            path=path,
            rows=part.rows,
            bytes=merged.bytes,
            sha256=merged.sha256,
            first_row=first_row,
            own_bytes=part.size,
        )
        first_row += part.rows
    return found
