"""A generation of the plan: members cut into shards, files with a row group for each, an index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from jobs.engine.plans.index import PlanFile
from jobs.engine.plans.members import SCHEMA, table_of
from jobs.engine.settings import ShardSizes
from jobs.engine.shards import ShardSpec, shard_name
from jobs.members import Member, Origin
from jobs.storage.digest import digest
from jobs.storage.storage import Storage

_SHARDS_A_FILE = 1000


@dataclass(frozen=True, eq=False)
class Generation:
    """What the index of a generation says; 16 bytes a shard.

    Attributes:
        number: Number of the generation, from 0.
        files: Plan files, in order.
        starts: Index of the first shard in each file, and the number of shards; `(files + 1,)`.
        items: Items of each shard, -1 where only reading it tells; `(shards,)`.
        sizes: Sum of the known sizes in bytes of each shard's members; `(shards,)`.
        origin: The input that they were listed in; None in plans of earlier versions.
    """

    number: int
    files: list[str]
    starts: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    origin: Origin | None = None

    @classmethod
    def of(cls, number: int, files: Sequence[PlanFile], origin: Origin | None = None) -> Generation:
        """A generation of these files."""
        return cls(
            number,
            [file.path for file in files],
            np.cumsum([0, *(len(file.items) for file in files)], dtype=np.int64),
            joined(np.array(file.items, np.int64) for file in files),
            joined(np.array(file.bytes, np.int64) for file in files),
            origin,
        )

    def __len__(self) -> int:
        """Number of shards."""
        return len(self.items)

    def shard(self, index: int) -> ShardSpec:
        """The shard with this index."""
        file = int(np.searchsorted(self.starts, index, side="right")) - 1
        items = int(self.items[index])
        return ShardSpec(
            shard=shard_name(self.number, index),
            plan_file=self.files[file],
            row_group=index - int(self.starts[file]),
            members=None if items < 0 else items,
            bytes=int(self.sizes[index]),
            origin=self.origin,
        )


def joined(arrays: Iterable[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """Arrays one after the other, of which there may be none."""
    return np.concatenate([np.empty(0, np.int64), *arrays])


def cut_into_shards(members: Iterable[Member], sizes: ShardSizes) -> Iterator[list[Member]]:
    """Members grouped by a rule that needs to know only those before."""
    shard: list[Member] = []
    number = total = items = 0
    for member in members:
        size = member.size or 0
        # Powers past 2**30 are all beyond the maximum.
        limit = min(sizes.first << min(number // sizes.step, 30), sizes.max_members)
        more = sizes.items_of(member.items, size)
        if shard and (items + more > limit or total + size > sizes.max_bytes):
            yield shard
            shard, total, items, number = [], 0, 0, number + 1
        shard.append(member)
        total += size
        items += more
    if shard:
        yield shard


def write_files(
    storage: Storage, name: str, shards: Iterator[list[Member]], first: int = 0
) -> Iterator[PlanFile]:
    """Writes plan files, a row group a shard; yields what the index says of each.

    Args:
        storage: The output.
        name: What they are called by, before their numbers.
        shards: The members of each shard.
        first: Number of the first file.
    """
    for number in count(first):
        path = f"{name}-{number:05d}.parquet"
        items: list[int] = []
        sizes: list[int] = []
        with storage.spool(path) as spool:
            with storage.writing():
                writer = pq.ParquetWriter(spool, SCHEMA, compression="zstd")
            try:
                for shard in islice(shards, _SHARDS_A_FILE):
                    with storage.writing():
                        writer.write_table(table_of(shard))
                    items.append(items_in(shard))
                    sizes.append(sum(member.size or 0 for member in shard))
            finally:
                with storage.writing():
                    writer.close()
            if not items:
                return
            with spool.open("rb") as content:
                sha256, size = digest(content)
            storage.publish_file(spool, path)
        yield PlanFile(path, items, sizes, size, sha256)


def items_in(shard: Iterable[Member]) -> int:
    """Items of a shard, -1 where one of its members does not tell."""
    counts = [member.items for member in shard]
    return -1 if None in counts else sum(count or 0 for count in counts)
