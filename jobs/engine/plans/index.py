"""The index of a generation of the plan, written last: its files and what is in them.

A generation may have later versions of its index, which name other files for the same shards; the
last one counts.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from jobs.engine.records import read_record
from jobs.members import Origin
from jobs.messages.errors import NotNowError, UserError
from jobs.storage.storage import Storage

PLAN = "_job/plan"

FIX = "restore it from a copy, or use another output"

_TRIES = 3

_NAME = re.compile(r"generation-([0-9]{3,})(?:~([0-9]+))?\.json")
_FILE = re.compile(r"generation-[0-9]+(?:\.([0-9]+))?-[0-9]+\.parquet")


@dataclass(frozen=True)
class PlanFile:
    """A Parquet file of the plan, with a row group for each shard.

    Attributes:
        path: Where it is, relative to the output.
        items: Items of each shard, -1 where only reading it tells.
        bytes: Sum of the known sizes in bytes of each shard's members.
        size: Bytes of the file; None in plans of earlier versions.
        sha256: Its hexadecimal digest; None in plans of earlier versions.
    """

    path: str
    items: list[int]
    bytes: list[int]
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Index:
    """All that a generation consists of.

    Attributes:
        files: In order; the rest is for whoever looks at the plan.
        shards: Number of shards.
        members: Number of members.
        items: Items in them; None where only reading tells.
        bytes: Sum of their known sizes.
        input: Path or URL of the input that they were listed in, see `Origin`; None in plans of
            earlier versions.
        prefix: What stands before the keys of that input.
    """

    files: list[PlanFile]
    shards: int | None = None
    members: int | None = None
    items: int | None = None
    bytes: int | None = None
    input: str | None = None
    prefix: str = ""

    @property
    def origin(self) -> Origin | None:
        """The input that the members were listed in; None in plans of earlier versions."""
        return None if self.input is None else Origin(self.input, self.prefix)


def index_path(number: int, version: int = 1) -> str:
    """Where a version of the index of a generation is."""
    return f"{PLAN}/generation-{number:03d}" + f"~{version}" * (version > 1) + ".json"


def indexed(storage: Storage) -> list[int]:
    """Numbers of the generations that have an index, in order."""
    return sorted(index_versions(storage))


def index_versions(storage: Storage) -> dict[int, int]:
    """Number of each generation that has an index -> the last version of that."""
    # A generation left out would be planned again in the place of the one that is there.
    found: dict[int, int] = {}
    for number, version in _versions(storage.confirmed_names(PLAN)):
        found[number] = max(version, found.get(number, 0))
    return found


def older_indices(storage: Storage) -> list[str]:
    """Paths of indices that do not count any more."""
    last = index_versions(storage)
    found = _versions(storage.names(PLAN))
    return [index_path(number, version) for number, version in found if version < last[number]]


def is_plan_file(name: str) -> bool:
    """Whether a file of the plan holds members that were planned first."""
    return _FILE.fullmatch(name) is not None


def epoch_of(name: str) -> int | None:
    """Epoch of the driver that planned a file, 0 in version 0.1; None if it is no such file."""
    found = _FILE.fullmatch(name)
    return int(found[1] or 0) if found else None


def read_index(storage: Storage, number: int, version: int | None = None) -> Index:
    """The index of a generation.

    Args:
        storage: The output.
        number: Number of the generation.
        version: Which version of it; None is the last.

    Raises:
        RecordError: It is damaged.
    """
    if version is None:
        version = index_versions(storage).get(number, 1)
    return read_record(storage, index_path(number, version), Index, FIX)


def read_indices(storage: Storage) -> list[Index]:
    """The indices of all generations, in order.

    Raises:
        UserError: One is missing or damaged.
    """
    for _ in range(_TRIES):
        versions = index_versions(storage)
        for number in range(len(versions)):
            if number not in versions:
                # The later ones would pass for others, and their shards with them.
                raise UserError(f"'{index_path(number)}' is missing: {FIX}")
        with contextlib.suppress(FileNotFoundError):  # a later version has just taken its place
            return [read_index(storage, *each) for each in sorted(versions.items())]
    raise NotNowError(f"the plan of '{storage.url}' changes all the time: run the command again")


def _versions(names: Iterable[str]) -> Iterator[tuple[int, int]]:
    found = filter(None, map(_NAME.fullmatch, names))
    return ((int(match[1]), int(match[2] or 1)) for match in found)


def origins_of(indices: Sequence[Index], first: str) -> tuple[tuple[Origin, ...], bool]:
    """The inputs that generations were listed in, each once.

    Args:
        indices: Those of the generations.
        first: The input of the first, whose index may not tell.

    Returns:
        Those that are known, and whether those are all.
    """
    found = [index.origin or Origin(first) for index in indices[:1]]
    found += filter(None, (index.origin for index in indices[1:]))
    is_all = all(index.origin for index in indices[1:])
    return tuple(dict.fromkeys(found or [Origin(first)])), is_all
