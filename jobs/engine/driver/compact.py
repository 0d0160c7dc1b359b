"""Small parts become few large ones, while every commit stays true."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jobs.engine.driver.merging import merge_all, regroupings
from jobs.engine.driver.status import take_stock
from jobs.engine.driver.summary import after_change
from jobs.engine.identity import require_identity
from jobs.engine.interrupts import interrupts
from jobs.engine.lease.lease import Lease
from jobs.engine.ledger.ending import is_at_rest
from jobs.engine.ledger.heads import Heads, Tally
from jobs.engine.ledger.ledger import Ledger
from jobs.engine.plans.plan import Plan
from jobs.engine.reports import PartReport
from jobs.engine.settings import RunSettings
from jobs.engine.shards import Merge
from jobs.storage.room import check_room
from jobs.storage.storage import Storage


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
    settings: RunSettings = RunSettings(),  # noqa: B008 - frozen
) -> Compaction:
    """Merges the parts of consecutive committed shards as long as they stay below a size.

    The rows, their order, the schemas and their metadata stay as they are. Where a shard is not
    committed nothing is merged across it, so that its rows find their place when it is. Sizes are
    those of the parts as the workers wrote them: what goes together does not depend on how often,
    or how far, the output was compacted before, and compacting again changes nothing.

    It may be killed at any time: what was merged by then stays so, and the same call goes on. A
    reader that goes by `open_dataset` sees every row once at any time; one that lists the folder
    does so while `_SUCCESS` is there, which it is not meanwhile.

    Args:
        output: Local path or fsspec URL.
        target_bytes: Largest sum of sizes to merge; larger parts stay as they are.
        options: Keyword arguments of the fsspec file system.
        row_group_bytes: Limit of a row group's data before compression, as in the job.
        settings: Settings of the workers; where there is little to merge, this process does it.

    Raises:
        UserError: There is no job in the output, a run has it, or a part is damaged.
        JobError: Workers died again and again.
        Interrupted: SIGINT or SIGTERM; the same call resumes.
    """
    storage = Storage(output, options)
    with interrupts() as signals, Lease(storage) as lease:
        require_identity(storage)
        ledger = Ledger(storage, lease)
        plan = Plan(storage, ledger.heads.revisions())
        before = ledger.heads.tally()

        def find(heads: Heads) -> Iterator[Merge]:
            return _merges(heads, plan, target_bytes, row_group_bytes)

        if any(find(ledger.heads)) or not is_at_rest(storage):
            check_room(storage, settings.min_free_bytes)
            ledger.begin_late()
            merge_all(storage, ledger, regroupings(row_group_bytes), settings, signals)
            merge_all(storage, ledger, find, settings, signals)
            ledger.end(lambda heads: after_change(storage, take_stock(storage, plan, heads)))
        after = ledger.heads.tally()
    return Compaction({name: _compacted(name, before, after) for name in after.rows})


def _compacted(name: str, before: Tally, after: Tally) -> Compacted:
    return Compacted(
        before.files[name],
        after.files[name],
        before.bytes[name],
        after.bytes[name],
        after.rows[name],
    )


def _merges(heads: Heads, plan: Plan, target_bytes: int, row_group_bytes: int) -> Iterator[Merge]:
    """What is to become one: neighbours in plan order that are small enough together."""
    for output in heads.outputs():
        run: dict[str, PartReport] = {}
        files = size = 0
        for file, follows in _files(heads, plan, output):
            more = sum(part.size for part in file.values())
            if not follows or size + more > target_bytes:
                if files > 1:
                    yield Merge(output, run, row_group_bytes)
                run, files, size = {}, 0, 0
            run.update(file)
            files, size = files + 1, size + more
        if files > 1:
            yield Merge(output, run, row_group_bytes)


def _files(heads: Heads, plan: Plan, output: str) -> Iterator[tuple[dict[str, PartReport], bool]]:
    """What shards have of each file, in plan order, and whether it follows the one before."""
    done = heads.which(plan)
    gaps = np.cumsum(~done)[done].tolist()  # shards before each that are not committed
    file: dict[str, PartReport] = {}
    before = ("", -1, -1)  # path, and gaps before the file and in the one before it
    for (shard, part), gap in zip(heads.parts(output), gaps, strict=True):
        path, start, last = before
        if file and (part.path, gap) != (path, start):
            yield file, start == last
            file, last = {}, start
        if not file:
            before = part.path, gap, last
        file[shard] = part
    if file:
        yield file, before[1] == before[2]
