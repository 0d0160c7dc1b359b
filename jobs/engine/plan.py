"""The stored plan: members cut into shards, in generations that are only ever added."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, compress, count, islice
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.engine.errors import UserError
from jobs.engine.keys import KeySet
from jobs.engine.settings import ShardSizes
from jobs.engine.shards import ShardSpec
from jobs.engine.storage import Storage

PLAN = "_job/plan"

SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("uri", pa.string(), nullable=False),
        pa.field("size", pa.int64()),
        pa.field("version", pa.string(), nullable=False),
        pa.field("label", pa.string()),
    ]
)
_SHARDS_A_FILE = 1000
_LOOKED_UP_TOGETHER = 4096


@dataclass(frozen=True)
class Member:
    """One item of the input.

    Attributes:
        key: Unique name within the input.
        uri: Where the item is.
        size: Bytes; None if it is not a regular file.
        version: ETag or modification time.
        label: Class of the item, if it has one.
    """

    key: str
    uri: str
    size: int | None
    version: str
    label: str | None


class Plan:
    """The plan of an output.

    A generation is one or more Parquet files with a row group for each shard, and an index
    written last; without its index it does not count.

    Args:
        storage: The output.
    """

    def __init__(self, storage: Storage) -> None:
        """Reads the indices."""
        self._storage = storage
        names = [name for name in storage.names(PLAN) if name.endswith(".json")]
        self._indices: list[dict[str, Any]] = [
            json.loads(data) for data in storage.read_many(f"{PLAN}/{name}" for name in names)
        ]

    @property
    def generations(self) -> int:
        """Number of generations."""
        return len(self._indices)

    @property
    def members(self) -> int:
        """Number of members in all generations."""
        return sum(index["members"] for index in self._indices)

    def shards(self) -> Iterator[ShardSpec]:
        """All shards, in order."""
        for generation, index in enumerate(self._indices):
            number = 0
            for file in index["files"]:
                for group, (members, size) in enumerate(
                    zip(file["members"], file["bytes"], strict=True)
                ):
                    shard = f"{generation:03d}-{number:06d}"
                    yield ShardSpec(shard, file["path"], group, members, size)
                    number += 1

    def extend(
        self,
        members: Iterable[Member],
        sizes: ShardSizes,
        listed: Callable[[int], None] = lambda count: None,
        first: Callable[[], None] = lambda: None,
    ) -> int:
        """Plans a generation of the members whose keys are not planned yet.

        Streams: at no time are all members in memory. Without new members nothing is written.

        Args:
            members: The whole input.
            sizes: Where to cut.
            listed: Told now and then how many members have been seen.
            first: Called before anything is written.

        Returns:
            Number of new members.

        Raises:
            UserError: Two members have the same key.
        """
        new = KeySet()
        shards = cut_into_shards(self._unknown(members, new, listed), sizes)
        first_shard = next(shards, None)
        if first_shard is None:
            return 0
        first()
        name = f"{PLAN}/generation-{self.generations:03d}"
        self._sweep()
        files = list(_write_files(self._storage, name, chain([first_shard], shards)))
        repeated = new.repeated()
        if len(repeated):
            raise UserError(self._name_repeated(repeated, files))
        index: dict[str, Any] = {
            "files": files,
            "shards": sum(len(file["members"]) for file in files),
            "members": sum(sum(file["members"]) for file in files),
            "bytes": sum(sum(file["bytes"]) for file in files),
        }
        self._storage.publish_bytes(json.dumps(index).encode(), f"{name}.json")
        self._indices.append(index)
        return int(index["members"])

    def _unknown(
        self, members: Iterable[Member], new: KeySet, listed: Callable[[int], None]
    ) -> Iterator[Member]:
        known = self._known()
        count = 0
        stream = iter(members)
        while together := list(islice(stream, _LOOKED_UP_TOGETHER)):
            count += len(together)
            listed(count)
            found = known.contains(member.key for member in together)
            unknown = [
                member for member, is_known in zip(together, found, strict=True) if not is_known
            ]
            new.add(member.key for member in unknown)
            yield from unknown

    def _known(self) -> KeySet:
        known = KeySet()
        for index in self._indices:
            for file in index["files"]:
                for members in read_all(self._storage, file["path"]):
                    known.add(member.key for member in members)
        return known

    def _sweep(self) -> None:
        """Removes the files of plannings that never got their index."""
        counted = {file["path"] for index in self._indices for file in index["files"]}
        for name in self._storage.names(PLAN):
            path = f"{PLAN}/{name}"
            if name.endswith(".parquet") and path not in counted:
                self._storage.delete(path)

    def _name_repeated(self, repeated: KeySet, files: Iterable[dict[str, Any]]) -> str:
        first: dict[str, Member] = {}
        for file in files:
            for members in read_all(self._storage, file["path"]):
                found = repeated.contains(member.key for member in members)
                for member in compress(members, found):
                    if member.key in first:
                        other = first[member.key]
                        return (
                            f"The key '{member.key}' stands for both '{other.uri}' and "
                            f"'{member.uri}' in the input; rename or remove one of them."
                        )
                    first[member.key] = member
        raise AssertionError("a key was planned twice and is not in the plan")


def cut_into_shards(members: Iterable[Member], sizes: ShardSizes) -> Iterator[list[Member]]:
    """Members grouped by a rule that needs to know only those before."""
    shard: list[Member] = []
    number = total = 0
    for member in members:
        size = member.size or 0
        # Powers past 2**30 are all beyond the maximum.
        limit = min(sizes.first << min(number // sizes.step, 30), sizes.max_members)
        if shard and (len(shard) >= limit or total + size > sizes.max_bytes):
            yield shard
            shard, total, number = [], 0, number + 1
        shard.append(member)
        total += size
    if shard:
        yield shard


def read_all(storage: Storage, path: str) -> Iterator[list[Member]]:
    """The shards of a plan file, one after the other."""
    with storage.open(path) as stream, pq.ParquetFile(stream) as file:
        for group in range(file.num_row_groups):
            yield _members(file.read_row_group(group))


class PlanReader:
    """Reads the members of shards; keeps the last plan file open, whose footer is large."""

    def __init__(self, storage: Storage) -> None:
        """Opens nothing yet."""
        self._storage = storage
        self._path: str | None = None
        self._file: pq.ParquetFile | None = None

    def members(self, spec: ShardSpec) -> list[Member]:
        """The members of a shard, in order."""
        if self._file is None or self._path != spec.plan_file:
            self._file = pq.ParquetFile(self._storage.open(spec.plan_file))
            self._path = spec.plan_file
        return _members(self._file.read_row_group(spec.row_group))


def _members(table: pa.Table) -> list[Member]:
    columns = (column.to_pylist() for column in table.columns)
    return [Member(*row) for row in zip(*columns, strict=True)]


def _write_files(
    storage: Storage, name: str, shards: Iterator[list[Member]]
) -> Iterator[dict[str, Any]]:
    for number in count():
        path = f"{name}-{number:05d}.parquet"
        file: dict[str, Any] = {"path": path, "members": [], "bytes": []}
        spool = storage.spool(path)
        try:
            with pq.ParquetWriter(spool, SCHEMA, compression="zstd") as writer:
                for shard in islice(shards, _SHARDS_A_FILE):
                    writer.write_table(_table(shard))
                    file["members"].append(len(shard))
                    file["bytes"].append(sum(member.size or 0 for member in shard))
            if not file["members"]:
                return
            storage.publish_file(spool, path)
        finally:
            spool.unlink(missing_ok=True)
        yield file


def _table(shard: list[Member]) -> pa.Table:
    columns = {name: [getattr(member, name) for member in shard] for name in SCHEMA.names}
    return pa.table(columns, schema=SCHEMA)
