"""The index of a generation of the plan, written last: its files and what is in them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from jobs.engine.records import read_record
from jobs.members import Origin
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage

PLAN = "_job/plan"

FIX = "restore it from a copy, or use another output"

_NAME = re.compile(r"generation-([0-9]{3,})\.json")


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


def index_path(number: int) -> str:
    """Where the index of a generation is."""
    return f"{PLAN}/generation-{number:03d}.json"


def indexed(storage: Storage) -> list[int]:
    """Numbers of the generations that have an index, in order."""
    # A generation left out would be planned again in the place of the one that is there.
    found = (_NAME.fullmatch(name) for name in storage.confirmed_names(PLAN))
    return sorted(int(match[1]) for match in found if match)


def read_index(storage: Storage, number: int) -> Index:
    """The index of a generation.

    Raises:
        RecordError: It is damaged.
    """
    return read_record(storage, index_path(number), Index, FIX)


def read_indices(storage: Storage) -> list[Index]:
    """The indices of all generations, in order.

    Raises:
        UserError: One is missing or damaged.
    """
    numbers = indexed(storage)
    for number in range(len(numbers)):
        if number != numbers[number]:
            # The later ones would pass for others, and their shards with them.
            raise UserError(f"'{index_path(number)}' is missing: {FIX}")
    return [read_index(storage, number) for number in numbers]


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
