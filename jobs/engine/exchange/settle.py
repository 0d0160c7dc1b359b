"""What workers have staged takes its place, also in parts that several shards share."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from jobs.engine.commit import read_commits
from jobs.engine.exchange.compact import shares
from jobs.engine.exchange.exchange import Exchange
from jobs.engine.exchange.neighbours import DamagedPartError, Part
from jobs.engine.exchange.staging import Staged, read_staged, staged_whole
from jobs.engine.files.storage import Storage
from jobs.engine.parts.layout import Layout
from jobs.engine.parts.part_writer import PartWriter
from jobs.engine.parts.stored import StoredRows, open_checked
from jobs.engine.plans.plan import Plan
from jobs.engine.shards import PartReport, ShardReport


def settle(
    storage: Storage,
    plan: Plan,
    done: npt.NDArray[np.bool_],
    shards: Iterable[str],
    row_group_bytes: int,
    check: Callable[[], None] = lambda: None,
) -> None:
    """Puts what is staged for some shards into its place, and removes it from where it was.

    A part that shards share is written once, with all their new rows. Nothing may be reading or
    writing the parts of these shards, and the output's lock is held.

    Args:
        storage: The output.
        plan: Of the job.
        done: Which shards are committed, shape `(shards,)`.
        shards: Staged ones.
        row_group_bytes: Limit of a row group's data before compression, as in the job.
        check: Called before anything is changed; raises if nothing may be.

    Raises:
        UserError: A part is damaged.
    """
    staged = plan.which(shards) & done
    names = [plan.shard(int(index)).shard for index in np.flatnonzero(staged)]
    preparation = _Preparation(storage, plan, done, row_group_bytes)
    for together in _groups(_up_to_date(storage, names)):
        exchange = preparation.exchange(together)
        check()
        exchange.carry_out(storage)
        for each in together:
            each.forget(storage)
        for part in exchange.files.values():
            storage.delete(part.path)


def _up_to_date(storage: Storage, names: list[str]) -> Iterator[Staged]:
    """What is staged, without that for parts that have changed since, as by a compaction."""
    both = zip(read_staged(storage, names), read_commits(storage, names), strict=True)
    for staged, report in both:
        if staged.base == report.parts:
            yield staged
        else:
            staged.forget(storage)


def _groups(staged: Iterable[Staged]) -> Iterator[list[Staged]]:
    """Shards that share parts, in plan order, where those that do so follow one another."""
    group: list[Staged] = []
    paths: set[str] = set()
    for each in staged:
        own = {part.path for part in each.base.values()}
        if group and not paths & own:
            yield group
            group, paths = [], set()
        group.append(each)
        paths |= own
    if group:
        yield group


class _Preparation:
    """Makes the parts that are to take the place of others, beside those from the workers."""

    def __init__(
        self, storage: Storage, plan: Plan, done: npt.NDArray[np.bool_], row_group_bytes: int
    ) -> None:
        self._storage = storage
        self._plan = plan
        self._done = done
        self._row_group_bytes = row_group_bytes

    def exchange(self, together: list[Staged]) -> Exchange:
        """What is to be done for some shards that share parts with one another, or for one."""
        files: dict[str, PartReport] = {}
        commits: dict[str, ShardReport] = {}
        shared: dict[tuple[str, str], dict[str, PartReport]] = {}
        for staged in together:
            shard, parts = staged.report.shard, dict(staged.report.parts)
            for output, part in staged.report.parts.items():
                old = staged.base[output]
                if old.own_bytes is None:
                    files[old.path] = part
                    parts[output] = replace(part, path=old.path)
                else:
                    shared.setdefault((output, old.path), {})[shard] = part
            commits[shard] = replace(staged.report, parts=parts)
        for (output, path), new in shared.items():
            reports = self._sharing(output, path)
            old_parts = {report.shard: report.parts[output] for report in reports}
            files[path] = self._rewritten(Part(old_parts), new)
            for shard, part in shares({**old_parts, **new}, path, files[path]).items():
                report = commits.get(shard) or next(r for r in reports if r.shard == shard)
                commits[shard] = replace(report, parts={**report.parts, output: part})
        return Exchange(files, list(commits.values()))

    def _sharing(self, output: str, path: str) -> list[ShardReport]:
        """All shards with rows in a shared part, which has the name of the first of them."""
        first = path.rpartition("/part-")[2].removesuffix(".parquet")
        start = int(np.flatnonzero(self._plan.which([first]))[0])
        stop = start + int(np.argmin([*self._done[start:], False]))
        names = (self._plan.shard(index).shard for index in range(start, stop))
        reports = []
        for report in read_commits(self._storage, names):
            if report.parts[output].path != path:
                break
            reports.append(report)
        return reports

    def _rewritten(self, old: Part, new: Mapping[str, PartReport]) -> PartReport:
        """A shared part with the new rows of some of its shards, written aside."""
        path = old.file.path
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(open_checked(self._storage, old))
            layout = Layout.of(file)
            rows = StoredRows(file, path, layout.schema)
            options = layout.options
            for shard, part in new.items():
                with open_checked(self._storage, Part({shard: part})) as staged:
                    found = Layout.of(staged)
                if not found.schema.equals(layout.schema, check_metadata=True):
                    raise DamagedPartError(path)
                options = options or found.options  # of a part without rows none are known
            writer = stack.enter_context(
                PartWriter(
                    self._storage,
                    staged_whole(path),
                    layout.schema,
                    self._row_group_bytes,
                    options or {},
                )
            )
            for shard, part in old.shards.items():
                if shard in new:
                    batches = self._staged_rows(shard, new[shard], layout.schema)
                else:
                    batches = rows.take(part.first_row, part.rows)
                for batch in batches:
                    writer.write(batch)
            return writer.publish()

    def _staged_rows(
        self, shard: str, part: PartReport, schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        with open_checked(self._storage, Part({shard: part})) as file:
            yield from StoredRows(file, part.path, schema).take(0, part.rows)
