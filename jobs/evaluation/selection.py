"""Which photos of an input a ground truth means."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, takewhile

from jobs.members import Member
from jobs.messages.errors import UserError
from jobs.photos.sample import evenly


class Names:
    """The photos that a ground truth names, to be found by their keys.

    A key stands for a name if the stem and the folder are the same, or else if the stem is, where
    it belongs to one name only. The endings may differ, and the folders above.

    Args:
        names: Paths with forward slashes, such as `0--Parade/0_Parade_120.jpg`.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._in_folder: dict[tuple[str, str], list[str]] = {}
        self._of_stem: dict[str, list[str]] = {}
        for name in sorted(names):
            folder, stem = _folder_and_stem(name)
            self._in_folder.setdefault((folder, stem), []).append(name)
            self._of_stem.setdefault(stem, []).append(name)

    def find(self, key: str) -> str | None:
        """The name that a key stands for, of several the most alike; None if there is none."""
        folder, stem = _folder_and_stem(key)
        names = self._in_folder.get((folder, stem)) or self._of_stem.get(stem, [])
        if not names or (len(names) > 1 and _folder_and_stem(names[0])[0] != folder):
            return None
        return max(names, key=lambda name: _likeness(name, key))

    def choose(self, keys: Iterable[str]) -> dict[str, str]:
        """Name -> the key that stands for it, of several the most alike.

        Raises:
            UserError: Two are equally alike.
        """
        found: dict[str, list[str]] = {}
        for key in keys:
            if (name := self.find(key)) is not None:
                found.setdefault(name, []).append(key)
        return {name: _most_alike(name, some) for name, some in found.items()}


def _most_alike(name: str, keys: Sequence[str]) -> str:
    best = max(_likeness(name, key) for key in keys)
    first, *others = [key for key in keys if _likeness(name, key) == best]
    if others:
        raise UserError(
            f"'{first}' and '{others[0]}' of the input may both be '{name}' of the ground truth: "
            "give the folder that holds one of them"
        )
    return first


def _likeness(name: str, key: str) -> tuple[int, bool]:
    """How many folders agree, from the last one up, and whether the ending does."""
    (*above, last), (*others, other) = name.split("/"), key.split("/")
    pairs = zip(reversed(above), reversed(others), strict=False)
    return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs))), last == other


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
        raise _none_is_there(names, example)
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
        raise _none_is_there(names, first)
    return found


def limited(keys: Mapping[str, str], limit: int | None) -> dict[str, str]:
    """At most so many of them, evenly spread over the sorted names."""
    names = sorted(keys)
    return {name: keys[name] for name in (names if limit is None else evenly(names, limit))}


def _none_is_there(names: Collection[str], key: str) -> UserError:
    return UserError(
        f"none of the {len(names):,} photos of the ground truth is in the input: it names "
        f"'{min(names, default='')}', and the input has '{key}': give the folder of those photos"
    )


def _folder_and_stem(path: str) -> tuple[str, str]:
    folder, name = posixpath.split(path)
    return posixpath.basename(folder), posixpath.splitext(name)[0]
