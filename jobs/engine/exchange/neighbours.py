"""Which parts are to become one: neighbours in plan order, alike, and small enough together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.engine.commit import read_commits
from jobs.engine.errors import UserError
from jobs.engine.files.storage import Storage
from jobs.engine.parts.layout import Layout
from jobs.engine.plans.plan import Plan
from jobs.engine.shards import PartReport


@dataclass(frozen=True)
class Part:
    """A file, and what each shard has of it.

    Attributes:
        shards: Shard -> its rows in the file, in plan order; at least one.
    """

    shards: Mapping[str, PartReport]

    @property
    def file(self) -> PartReport:
        """Where the file is, its size and its digest."""
        return next(iter(self.shards.values()))

    @property
    def size(self) -> int:
        """Bytes as the workers wrote them."""
        return sum(part.size for part in self.shards.values())

    @property
    def rows(self) -> int:
        """Rows in the file."""
        return sum(part.rows for part in self.shards.values())


class DamagedPartError(UserError):
    """A part is not what its commits say."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"'{path}' is not as its commit says; verify the output and put that right first."
        )


@dataclass(frozen=True)
class Run:
    """Parts that are to become one.

    Attributes:
        parts: In plan order; one alone stays as it is.
        layout: What they have in common; None for one alone.
    """

    parts: list[Part]
    layout: Layout | None


def runs(
    storage: Storage, plan: Plan, done: npt.NDArray[np.bool_], output: str, target_bytes: int
) -> Iterator[Run]:
    """All parts of an output, in plan order; reads no more commits than it has to.

    Args:
        storage: Where they are.
        plan: Of the job.
        done: Which shards are committed, shape `(shards,)`; no run goes past one that is not.
        output: Name of the output.
        target_bytes: Largest sum of sizes in a run of several.

    Raises:
        DamagedPartError: A part cannot be read.
    """
    run: list[Part] = []
    size = 0
    layout: Layout | None = None
    for part in _parts(storage, plan, done, output):
        joined = None
        if part and run and size + part.size <= target_bytes:
            # Opened only where the sizes allow it: nothing is read of an output that is compact.
            joined = (layout or _layout(storage, run[0])).joined(_layout(storage, part))
        if joined is None and run:
            yield Run(run, layout)
            run, size = [], 0
        layout = joined
        if part:
            run.append(part)
            size += part.size
    if run:
        yield Run(run, layout)


def _parts(
    storage: Storage, plan: Plan, done: npt.NDArray[np.bool_], output: str
) -> Iterator[Part | None]:
    """The parts of an output, and None for each shard that has none."""
    names = (plan.shard(int(index)).shard for index in np.flatnonzero(done))
    reports = read_commits(storage, names)
    shards: dict[str, PartReport] = {}
    path = None
    for is_done in done:
        report = next(reports) if is_done else None
        part = report.parts.get(output) if report else None
        if shards and (part is None or part.path != path):
            yield Part(shards)
            shards = {}
        if report is None or part is None:
            yield None
            continue
        shards[report.shard] = part
        path = part.path
    if shards:
        yield Part(shards)


def _layout(storage: Storage, part: Part) -> Layout:
    path = part.file.path
    try:
        with storage.open(path) as file:
            return Layout.of(pq.ParquetFile(file))
    except (OSError, pa.ArrowException) as error:
        raise DamagedPartError(path) from error
