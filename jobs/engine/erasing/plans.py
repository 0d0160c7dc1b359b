"""The plan of an output without members that were forgotten."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace

from jobs.engine.forgotten import Forgotten
from jobs.engine.ledger.heads import Heads
from jobs.engine.plans.generation import write_files
from jobs.engine.plans.index import (
    PLAN,
    Index,
    PlanFile,
    index_path,
    index_versions,
    is_plan_file,
    older_indices,
    read_index,
)
from jobs.engine.plans.members import GroupReader, read_members
from jobs.engine.plans.plan import Plan
from jobs.engine.plans.revisions import is_revision, write_revisions
from jobs.engine.records import create_record
from jobs.engine.reports import Revision
from jobs.engine.shards import shard_name
from jobs.members import Member
from jobs.messages.errors import LeaseLostError
from jobs.storage.storage import Storage


@dataclass
class Members:
    """Members of a plan that were forgotten.

    Attributes:
        files: Files of generations that hold some.
        revisions: Files with members that shards were given later, that hold some.
        gone: Shard -> those that it has now.
        keys: Their keys, and those of others that stood there before.
        uris: Where those are.
    """

    files: set[str] = field(default_factory=set)
    revisions: set[str] = field(default_factory=set)
    gone: dict[str, list[Member]] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    uris: set[str] = field(default_factory=set)

    def met(self, members: list[Member]) -> None:
        """Takes note of names."""
        self.keys.update(member.key for member in members)
        self.uris.update(member.uri for member in members)

    def __len__(self) -> int:
        return sum(map(len, self.gone.values()))


def planned_members(storage: Storage, plan: Plan, heads: Heads, forgotten: Forgotten) -> Members:
    """Finds the members that were forgotten.

    Raises:
        UserError: A file of the plan is missing or damaged.
    """
    found = Members()
    revised = heads.revisions()
    for path, first in plan.files_from():
        for index, members in enumerate(read_members(storage, path)):
            gone = _of(members, forgotten)
            if gone:
                found.files.add(path)
                shard = shard_name(first[0], first[1] + index)
                found.met(gone)
                if shard not in revised:
                    found.gone[shard] = gone
    reader = GroupReader(storage)
    for shard, revision in revised.items():
        if gone := _of(reader.group(revision.file, revision.row_group), forgotten):
            found.revisions.add(revision.file)
            found.met(gone)
            found.gone[shard] = gone
    return found


def revised_without(
    storage: Storage, heads: Heads, files: Iterable[str], forgotten: Forgotten, epoch: int
) -> dict[str, Revision]:
    """Writes members anew that shards were given later, all that are in some files.

    Args:
        storage: The output.
        heads: What is committed.
        files: Files with members that were forgotten; they stay as they are.
        forgotten: What is to be left out.
        epoch: Epoch of the driver.

    Returns:
        Shard -> its members; they count when the log says so.
    """
    wanted = set(files)
    chosen = {shard: each for shard, each in heads.revisions().items() if each.file in wanted}
    reader = GroupReader(storage)
    members = (
        _left(reader.group(each.file, each.row_group), forgotten) for each in chosen.values()
    )
    return dict(zip(chosen, write_revisions(storage, epoch, members), strict=True))


def write_generations_without(
    storage: Storage, files: Iterable[str], forgotten: Forgotten, epoch: int
) -> None:
    """Writes files of generations anew, and lets indices that name those take the place of others.

    Of a generation the last version of its index counts, and storage refuses a second one of the
    same number. Files and indices that do not count any more are removed.

    Args:
        storage: The output.
        files: Files with members that were forgotten.
        forgotten: What is to be left out.
        epoch: Epoch of the driver, which new files are called by.

    Raises:
        LeaseLostError: Another driver was there first.
    """
    wanted = set(files)
    for generation, version in index_versions(storage).items():
        index = read_index(storage, generation, version)
        if wanted.isdisjoint(file.path for file in index.files):
            continue
        new, lost = list(index.files), list[Member]()
        for number, file in enumerate(index.files):
            if file.path in wanted:
                name = f"{PLAN}/generation-{generation:03d}.{epoch}"
                shards = list(read_members(storage, file.path))
                lost += (member for shard in shards for member in _of(shard, forgotten))
                left = (_left(shard, forgotten) for shard in shards)
                [new[number]] = write_files(storage, name, left, number)
        after = asdict(_counted(index, new, lost))
        if not create_record(storage, index_path(generation, version + 1), after):
            raise LeaseLostError(
                f"another run has changed the plan of '{storage.url}': run the same command again"
            )
    storage.delete(*older_indices(storage))


def strays(storage: Storage, plan: Plan, heads: Heads) -> list[str]:
    """Files with members that do not count: of drivers that were killed, or replaced ones."""
    used = {revision.file for revision in heads.revisions().values()} | set(plan.files())
    names = storage.names(PLAN)
    paths = [f"{PLAN}/{name}" for name in names if is_plan_file(name) or is_revision(name)]
    return [path for path in paths if path not in used]


def plan_nothing(storage: Storage, generation: int) -> None:
    """Plans a generation without shards, so that one that is about to be planned comes too late.

    Args:
        storage: The output.
        generation: Its number, not the first.
    """
    before = read_index(storage, generation - 1)
    index = replace(before, files=[], shards=0, members=0, items=0, bytes=0)
    create_record(storage, index_path(generation), asdict(index))


def _counted(index: Index, files: list[PlanFile], lost: list[Member]) -> Index:
    """An index of other files; the sums are for whoever looks at the plan."""
    items = sum(member.items or 0 for member in lost)
    size = sum(member.size or 0 for member in lost)
    return replace(
        index,
        files=files,
        members=None if index.members is None else index.members - len(lost),
        items=None if index.items is None else index.items - items,
        bytes=None if index.bytes is None else index.bytes - size,
    )


def _of(members: list[Member], forgotten: Forgotten) -> list[Member]:
    return [member for member in members if forgotten.has_photo(member.key)]


def _left(members: list[Member], forgotten: Forgotten) -> list[Member]:
    return list(forgotten.without(members))
