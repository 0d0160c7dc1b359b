"""Which photos of an input a ground truth means."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from jobs.members import Member
from jobs.photos.sample import evenly
from jobs.truth.names import Names, none_is_there


@dataclass(frozen=True)
class Selection:
    """The photos of an input that are to be looked at.

    Attributes:
        members: What is to be read, in the order of the listing; an archive or table is read as a
            whole.
        keys: Name in the ground truth -> key of its photo; empty where only reading tells.
        is_known: Whether the names are known before anything is read.
    """

    members: tuple[Member, ...]
    keys: Mapping[str, str]
    is_known: bool

    def list(self) -> Iterator[Member]:
        """Yields the members, as a source does."""
        return iter(self.members)


def select(members: Iterable[Member], names: Collection[str], limit: int | None) -> Selection:
    """Picks the members of an input that a ground truth names.

    Args:
        members: The whole input.
        names: The photos in the ground truth.
        limit: How many photos at most, evenly spread over the sorted names; None is all.

    Raises:
        UserError: None of the photos is there, or two may be the same one.
    """
    wanted = Names(names)
    chosen: dict[str, Member] = {}
    containers: list[Member] = []
    example = ""
    for member in members:
        if member.is_container:
            containers.append(member)
        elif wanted.find(member.key) is not None:
            chosen[member.key] = member
        example = example or member.key
    if containers:
        return Selection(tuple(containers), {}, is_known=False)
    keys = limited(wanted.choose(chosen), limit)
    if not keys:
        raise none_is_there(names, example)
    taken = set(keys.values())
    return Selection(
        tuple(member for key, member in chosen.items() if key in taken), keys, is_known=True
    )


def select_keys(keys: Iterable[str], names: Collection[str], limit: int | None) -> dict[str, str]:
    """Chooses among keys that were only known once the input was read: name -> key.

    Raises:
        UserError: None of the photos is there, or two may be the same one.
    """
    known = iter(keys)
    first = next(known, "")
    found = limited(Names(names).choose(chain([first], known)), limit)
    if not found:
        raise none_is_there(names, first)
    return found


def limited(keys: Mapping[str, str], limit: int | None) -> dict[str, str]:
    """At most so many of them, evenly spread over the sorted names."""
    names = sorted(keys)
    return {name: keys[name] for name in (names if limit is None else evenly(names, limit))}
