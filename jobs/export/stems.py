"""What the file of each face is called, without its ending."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from jobs.export.names import names_of

_NUMBER = re.compile(r"_([0-9]{4})$")


def stem_of(key: str, face_index: int) -> str:
    """What a face is called after: the key without its ending, and its number if it is not 0."""
    folder, slash, name = key.rpartition("/")
    stem = name.rpartition(".")[0] or name
    return f"{folder}{slash}{stem}" + (f"-{face_index}" if face_index else "")


def stems_of(keys: Sequence[str], indices: Sequence[int]) -> list[str]:
    """Names after the photos, no two of which are the same.

    Args:
        keys: Key of each face's photo.
        indices: Number of each face in its photo.
    """
    pairs = list(zip(keys, indices, strict=True))
    return names_of(
        [stem_of(key, index) for key, index in pairs], [f"{key}#{index}" for key, index in pairs]
    )


def numbered_stems(classes: Sequence[str], keys: Sequence[str]) -> list[str]:
    """Names after the classes: ``Ann_Lee_0001``, as davidsandberg's `lfw.py` asks for them.

    A photo that has such a name already keeps its number, as the lists of pairs of LFW go by it,
    also when another photo of the person has no face; of several faces of it the first does.
    The others get the numbers that are free, from 1 and in their order.

    Args:
        classes: Name of each face's class, as its folder is called.
        keys: Key of each face's photo.
    """
    taken: dict[str, set[int]] = {}
    numbers: list[int | None] = []
    for name, key in zip(classes, keys, strict=True):
        own = taken.setdefault(name, set())
        number = _own_number(name, key)
        if number in own:
            number = None
        if number is not None:
            own.add(number)
        numbers.append(number)
    free = {name: _free(own) for name, own in taken.items()}
    return [
        f"{name}_{next(free[name]) if number is None else number:04d}"
        for name, number in zip(classes, numbers, strict=True)
    ]


def _own_number(name: str, key: str) -> int | None:
    """The number that a photo has in its own name, if that is one of the class."""
    stem = key.rpartition("/")[2].rpartition(".")[0]
    found = _NUMBER.search(stem)
    return int(found[1]) if found and stem[: found.start()] == name and int(found[1]) else None


def _free(taken: set[int]) -> Iterator[int]:
    number = 0
    while True:
        number += 1
        if number not in taken:
            yield number
