"""The stored plan, read as far as it can be."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.engine.checks.shard_rows import KeySequence
from jobs.engine.plans.generation import Generation
from jobs.engine.plans.index import (
    FIX,
    PLAN,
    PlanFile,
    index_path,
    index_versions,
    read_index,
)
from jobs.engine.records import RecordError
from jobs.engine.reports import Revision
from jobs.engine.shards import ShardSpec, shard_name, shard_number
from jobs.storage.local_copy import read_once
from jobs.storage.storage import Storage


@dataclass(frozen=True)
class Planned:
    """A shard, and what the plan says of it as far as that can be read.

    Attributes:
        shard: Its identifier.
        spec: What the index of its generation says; None if that cannot be read.
        keys: Those of its items in order; None if they cannot be read, or if there are containers
            among its members, which tell only when they are read.
    """

    shard: str
    spec: ShardSpec | None = None
    keys: KeySequence | None = None


class StoredPlan:
    """The plan of an output that may be damaged.

    Args:
        storage: The output.

    Attributes:
        problems: What is wrong with the indices, a sentence each.
        generations: How many there are, those that cannot be read included.
    """

    def __init__(self, storage: Storage) -> None:
        """Reads the indices."""
        self._storage = storage
        self._read: dict[int, tuple[Generation, list[PlanFile]]] = {}
        self._revisions: dict[str, str] = {}  # path -> what is wrong with it, empty if nothing is
        self._revised: tuple[str, pq.ParquetFile | None] = ("", None)  # the last one
        self.problems: list[str] = []
        self._versions = index_versions(storage)
        self.generations = max(self._versions, default=-1) + 1
        for number in range(self.generations):
            try:
                files = read_index(storage, number, self._versions.get(number, 1)).files
                self._read[number] = Generation.of(number, files), files
            except FileNotFoundError:
                self.problems.append(f"'{index_path(number)}' is missing: {FIX}")
            except RecordError as error:
                self.problems.append(str(error))

    def __len__(self) -> int:
        """Number of shards that are known."""
        return sum(len(generation) for generation, _ in self._read.values())

    def __contains__(self, shard: str) -> bool:
        """Whether a shard is planned, as far as that is known."""
        number = shard_number(shard)
        if number is None or number[0] >= self.generations:
            return False
        return number[0] not in self._read or number[1] < len(self._read[number[0]][0])

    def is_known(self, shard: str) -> bool:
        """Whether the index of a shard's generation can be read."""
        number = shard_number(shard)
        return number is not None and number[0] in self._read

    def paths(self) -> set[str]:
        """Paths of all files of the plan, as far as they are known."""
        read = self._read.items()
        files = {file.path for _, (_, files) in read for file in files}
        files |= self._revisions.keys()
        return files | {index_path(*each) for each in self._versions.items()}

    def shards(self, tell: Callable[[str], None]) -> Iterator[Planned]:
        """Yields the shards that are known, in plan order.

        Args:
            tell: Told what is wrong with the files, a sentence each.
        """
        for number, (generation, files) in self._read.items():
            for file, start in zip(files, generation.starts, strict=False):
                names = range(int(start), int(start) + len(file.items))
                unread = [Planned(shard_name(number, i), generation.shard(i)) for i in names]
                yield from self._in_file(file, unread, tell)

    def revised(self, planned: Planned, revision: Revision, tell: Callable[[str], None]) -> Planned:
        """A shard with the members that it has been given later.

        Args:
            planned: What was planned first.
            revision: Where its members are.
            tell: Told what is wrong with that file, a sentence, once.
        """
        keys = None
        path, is_known = revision.file, revision.file in self._revisions
        if not self._revisions.setdefault(path, ""):
            try:
                group = self._revision(revision).read_row_group(revision.row_group)
                keys = _keys(group, revision.items, revision.bytes)
            except FileNotFoundError:
                self._revisions[path] = f"'{path}' is missing: {FIX}"
            except (OSError, KeyError, ValueError, IndexError, pa.ArrowException) as error:
                self._revisions[path] = f"'{path}' is damaged ({error}): {FIX}"
            if not is_known and self._revisions[path]:
                tell(self._revisions[path])
        return Planned(
            planned.shard, planned.spec.revised(revision) if planned.spec else None, keys
        )

    def _revision(self, revision: Revision) -> pq.ParquetFile:
        path, file = self._revised
        if file is None or path != revision.file:
            with read_once(self._storage, revision.file) as (stream, sha256, _):
                if sha256 != revision.sha256:
                    raise ValueError("its content is not what the log says")
                file = pq.ParquetFile(io.BytesIO(stream.read()))
            self._revised = revision.file, file
        return file

    def _in_file(
        self, file: PlanFile, planned: list[Planned], tell: Callable[[str], None]
    ) -> Iterator[Planned]:
        """Yields the shards of a plan file with the keys of their items, if those can be read."""
        done = 0
        try:
            if file.path.rpartition("/")[0] != PLAN:
                raise ValueError("the index of its generation names it")
            with read_once(self._storage, file.path) as (stream, sha256, size):
                if file.sha256 not in (None, sha256) or file.size not in (None, size):
                    raise ValueError("its content is not what its index says")
                parquet = pq.ParquetFile(stream)
                if parquet.num_row_groups != len(planned):
                    raise ValueError(
                        f"it has {parquet.num_row_groups} row groups for {len(planned)} shards"
                    )
                for each, items, size in zip(planned, file.items, file.bytes, strict=True):
                    keys = _keys(parquet.read_row_group(done), items, size)
                    done += 1
                    yield Planned(each.shard, each.spec, keys)
        except FileNotFoundError:
            tell(f"'{file.path}' is missing: {FIX}")
        except (OSError, KeyError, ValueError, pa.ArrowException) as error:
            tell(f"'{file.path}' is damaged ({error}): {FIX}")
        yield from planned[done:]


def _keys(members: pa.Table, items: int, size: int) -> KeySequence | None:
    """Keys of the items in a row group; None if there are containers among its members.

    Raises:
        ValueError: The index says something else of it.
    """
    counts = members["items"]
    found = -1 if counts.null_count else pc.sum(counts).as_py() or 0
    if (found, pc.sum(members["size"]).as_py() or 0) != (items, size):
        raise ValueError("its index counts other items or bytes")
    if counts.null_count or not pc.all(pc.equal(counts, 1)).as_py():
        return None
    if members["stop"].null_count < members.num_rows:
        return None
    keys = KeySequence()
    keys.add(members["key"])
    return keys
