"""Labels and identities: as text in tables, as numbers in columns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import count

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Numbers = NDArray[np.int32]


def numbered(labels: pa.ChunkedArray, others: Iterable[str]) -> tuple[list[str], Numbers]:
    """Numbers labels in their order.

    Args:
        labels: string ``(n,)``, or null.
        others: Names that are no labels so far.

    Returns:
        The names in order, and the number of each label, int32 ``(n,)``; -1 where it is null.
    """
    encoded = labels.combine_chunks().dictionary_encode()
    found: list[str] = encoded.dictionary.to_pylist()
    names = sorted({*found, *others})
    places = {name: number for number, name in enumerate(names)}
    new = np.array([*(places[name] for name in found), -1], np.int32)
    codes = encoded.indices.fill_null(len(found)).to_numpy(zero_copy_only=False)
    return names, new[codes]


def identity_names(
    names: list[str],
    split_from: Numbers,
    identity: Numbers,
    keys: pa.Array,
    face_index: NDArray[np.int16],
) -> list[str]:
    """Names for all identities: those of the labels, and of each that is new.

    One that was split from a label is called by that with a number: "label~2". One that was found
    among faces without labels is called by a digest of its first face, so that it keeps its name
    when others come.

    Args:
        names: Names of the labels.
        split_from: Label that each new identity was split from, or -1; int32 ``(m,)``.
        identity: Identity of each face, -1 for none; int32 ``(n,)``.
        keys: Keys of the photos of the faces.
        face_index: int16 ``(n,)``.
    """
    taken = set(names)
    first = _first_rows(identity, len(names), len(split_from))
    found = list(names)
    for label, row in zip(split_from.tolist(), first.tolist(), strict=True):
        if label >= 0:
            tries = (f"{names[label]}~{number}" for number in count(2))
        else:
            face = f"{keys[row].as_py()}#{face_index[row]}" if row >= 0 else ""
            digest = hashlib.sha256(face.encode()).hexdigest()[:16]
            tries = (f"unnamed-{digest}" + f"~{number}" * (number > 1) for number in count(1))
        name = next(each for each in tries if each not in taken)
        taken.add(name)
        found.append(name)
    return found


def _first_rows(identity: Numbers, start: int, number: int) -> NDArray[np.int64]:
    """The first face of each of some identities from a number on, -1 where it has none."""
    first = np.full(number, -1, np.int64)
    rows = np.flatnonzero(identity >= start)[::-1]
    first[identity[rows] - start] = rows
    return first
