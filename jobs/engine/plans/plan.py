"""The stored plan: members cut into shards, in generations that are only ever added."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import chain, compress
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from jobs.engine.identity import read_identity
from jobs.engine.plans.generation import Generation, cut_into_shards, joined, write_files
from jobs.engine.plans.growth import Growth, KeyClashError, News
from jobs.engine.plans.index import PLAN, Index, PlanFile, epoch_of, index_path, read_indices
from jobs.engine.plans.members import GroupReader, Planned, read_members
from jobs.engine.records import create_record
from jobs.engine.reports import Revision
from jobs.engine.settings import ShardSizes
from jobs.engine.shards import ShardSpec, shard_name, shard_number
from jobs.keys import KeySet
from jobs.members import Member, Origin
from jobs.messages.errors import LeaseLostError, UserError
from jobs.storage.storage import Storage

__all__ = ["PLAN", "Plan", "PlanReader"]


class Plan:
    """The plan of an output.

    A generation is one or more Parquet files with a row group for each shard, and an index
    written last; without its index it does not count. In memory a shard is 16 bytes.

    Args:
        storage: The output.
        revisions: Shard -> its members, of those whose members are others now.

    Raises:
        UserError: A part of it is missing or damaged.
    """

    def __init__(
        self, storage: Storage, revisions: Mapping[str, Revision] = MappingProxyType({})
    ) -> None:
        """Reads the indices."""
        self._storage = storage
        self._revisions = revisions
        indices = read_indices(storage)
        origins = [index.origin for index in indices]
        if indices and origins[0] is None and (stored := read_identity(storage)):
            origins[0] = Origin(stored.input)
        self._generations = [
            Generation.of(number, index.files, origin)
            for number, (index, origin) in enumerate(zip(indices, origins, strict=True))
        ]

    def __len__(self) -> int:
        """Number of shards."""
        return sum(len(generation) for generation in self._generations)

    @property
    def generations(self) -> int:
        """Number of generations."""
        return len(self._generations)

    @property
    def items(self) -> npt.NDArray[np.int64]:
        """Items of each shard, -1 where only reading it tells; shape `(shards,)`."""
        items = joined(generation.items for generation in self._generations)
        for shard, revision in self._revisions.items():
            items[self._place(shard)] = revision.items
        return items

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """Sum of the known sizes in bytes of each shard's members, shape `(shards,)`."""
        sizes = joined(generation.sizes for generation in self._generations)
        for shard, revision in self._revisions.items():
            sizes[self._place(shard)] = revision.bytes
        return sizes

    def shards(self) -> Iterator[ShardSpec]:
        """All shards, in order."""
        return (self.shard(index) for index in range(len(self)))

    def shard(self, index: int) -> ShardSpec:
        """The shard with this index in plan order."""
        for generation in self._generations:
            if index < len(generation):
                spec = generation.shard(index)
                revision = self._revisions.get(spec.shard)
                return spec.revised(revision) if revision else spec
            index -= len(generation)
        raise IndexError(index)

    def named(self, shard: str) -> ShardSpec:
        """The shard with this identifier."""
        return self.shard(self._place(shard))

    def origins(self) -> list[Origin]:
        """The inputs that members were listed in, as far as that is recorded, each once."""
        found = (generation.origin for generation in self._generations)
        return list(dict.fromkeys(filter(None, found)))

    def origin_of(self, shard: str) -> Origin | None:
        """The input that the members of a shard were listed in; None if that is not recorded."""
        generation, _ = shard_number(shard) or (0, 0)
        return self._generations[generation].origin

    def planned(self) -> Iterator[Planned]:
        """Yields the members of all shards as they are now, in order.

        Raises:
            UserError: A file is missing or damaged.
        """
        revised = GroupReader(self._storage)
        for generation in self._generations:
            groups = (
                members
                for path in generation.files
                for members in read_members(self._storage, path)
            )
            for index, members in enumerate(groups):
                shard = shard_name(generation.number, index)
                if revision := self._revisions.get(shard):
                    members = revised.group(revision.file, revision.row_group)
                yield Planned(shard, generation.origin, members)

    def _place(self, shard: str) -> int:
        """Index of a shard in plan order."""
        number, index = shard_number(shard) or (0, 0)
        return sum(map(len, self._generations[:number])) + index

    def which(self, names: Iterable[str]) -> npt.NDArray[np.bool_]:
        """Tells which shards are among some names, shape `(shards,)`; others are passed over."""
        numbers = filter(None, map(shard_number, names))
        return self.which_numbers(np.array([g << 32 | index for g, index in numbers], np.int64))

    def which_numbers(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Tells which shards are among some numbers, `generation << 32 | index`."""
        sizes = np.array([*map(len, self._generations), 0], np.int64)
        starts = np.cumsum(sizes) - sizes
        generations = np.minimum(numbers >> 32, len(self._generations))
        indices = numbers & 0xFFFFFFFF
        planned = indices < sizes[generations]
        found = np.zeros(len(self), np.bool_)
        found[(starts[generations] + indices)[planned]] = True
        return found

    def extend(
        self,
        members: Iterable[Member],
        sizes: ShardSizes,
        listed: Callable[[int], None] = lambda count: None,
        first: Callable[[], int] = lambda: 0,
        last: Callable[[], None] = lambda: None,
        news: News | None = None,
    ) -> Growth:
        """Plans a generation of the members whose keys are not planned yet.

        Streams: at no time are all members in memory, of each only 49 bytes. Without new members
        nothing is written.

        Args:
            members: The whole input.
            sizes: Where to cut.
            listed: Told now and then how many members have been seen.
            first: Called before anything is written; gives the number of the driver's epoch,
                which the files are called by.
            last: Called before what is written counts, and before leftovers are removed; raises
                if this driver must not any more.
            news: Tells what is new; by default all members are of one input.

        Raises:
            UserError: Two members have the same key.
            KeyClashError: A key is planned already, for something else.
        """
        news = news or News(self.planned)
        shards = cut_into_shards(news.among(members, listed), sizes)
        first_shard = next(shards, None)
        if first_shard is None:
            news.check()
            return news.growth(0)
        epoch = first()
        name = f"{PLAN}/generation-{self.generations:03d}" + f".{epoch}" * bool(epoch)
        files = list(write_files(self._storage, name, chain([first_shard], shards)))
        repeated = news.keys.repeated()
        try:
            if len(repeated):
                raise UserError(self._name_repeated(repeated, files))
            news.check()
        except (UserError, KeyClashError):
            self._storage.delete(*(file.path for file in files))
            raise
        generation = Generation.of(self.generations, files, news.origin)
        growth = news.growth(int(generation.items.clip(0).sum()))
        # Only the files are read again; the rest is for whoever looks at the plan.
        index = Index(
            files=files,
            shards=len(generation),
            members=growth.members,
            items=growth.items if (generation.items >= 0).all() else None,
            bytes=int(generation.sizes.sum()),
            input=news.origin.input if news.origin else None,
            prefix=news.origin.prefix if news.origin else "",
        )
        try:
            last()
            if not create_record(self._storage, index_path(self.generations), asdict(index)):
                raise LeaseLostError(
                    f"another run has added to '{self._storage.url}' meanwhile: "
                    "run the same command again"
                )
        except LeaseLostError:  # what is called by this driver's epoch is nobody else's
            self._storage.delete(*(file.path for file in files))
            raise
        last()
        self._delete_leftovers(epoch)
        self._generations.append(generation)
        return growth

    def files(self) -> list[str]:
        """Files that hold the members of the plan, in order."""
        return [path for path, _ in self.files_from()]

    def files_from(self) -> Iterator[tuple[str, tuple[int, int]]]:
        """Those files, each with the generation and index of its first shard."""
        for generation in self._generations:
            for path, start in zip(generation.files, generation.starts, strict=False):
                yield path, (generation.number, int(start))

    def _delete_leftovers(self, epoch: int) -> None:
        """Removes files of plannings before this one that never got their index, nor ever will."""
        counted = {file.path for index in read_indices(self._storage) for file in index.files}
        found = ((name, epoch_of(name)) for name in self._storage.names(PLAN))
        older = [f"{PLAN}/{name}" for name, made in found if made is not None and made < epoch]
        self._storage.delete(*(path for path in older if path not in counted))

    def _name_repeated(self, repeated: KeySet, files: Iterable[PlanFile]) -> str:
        first: dict[str, Member] = {}
        for file in files:
            for members in read_members(self._storage, file.path):
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


class PlanReader(GroupReader):
    """Reads the members of shards."""

    def members(self, spec: ShardSpec) -> list[Member]:
        """The members of a shard, in order."""
        return self.group(spec.plan_file, spec.row_group, spec.origin)
