"""Pairs of faces for verification, drawn from persons."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.evaluation.annotations import Bools, Indices


class Pairs(NamedTuple):
    """Pairs of faces.

    Attributes:
        a: intp ``(pairs,)``: one face of each.
        b: intp ``(pairs,)``: the other one.
        same: bool ``(pairs,)``: whether both are one person.
    """

    a: Indices
    b: Indices
    same: Bools


def draw_pairs(persons: NDArray[np.integer], count: int, seed: int) -> Pairs:
    """Draws pairs, as many of one person as of two, none of them twice.

    A pair of one person is drawn by its person first, so that those with many faces do not rule;
    of two persons by its faces. Where there are not enough of a kind, there are fewer.

    Args:
        persons: ``(n,)``: whose each face is.
        count: Pairs of both kinds at most.
        seed: Another one draws other pairs.
    """
    chance = np.random.default_rng(seed)
    numbers = np.unique(persons, return_inverse=True)[1].astype(np.intp)
    same = _of_one(numbers, count // 2, chance)
    other = _of_two(numbers, len(same), chance)
    same = same[: len(other)]
    both = np.concatenate([same, other])
    return Pairs(both[:, 0], both[:, 1], np.arange(len(both)) < len(same))


def _of_one(persons: Indices, count: int, chance: np.random.Generator) -> Indices:
    order = np.argsort(persons, kind="stable")
    sizes = np.bincount(persons)
    starts = np.cumsum(sizes) - sizes
    left = {
        person: chance.permutation(size * (size - 1) // 2)[:count].tolist()
        for person, size in enumerate(sizes.tolist())
        if size > 1
    }
    pairs: list[tuple[int, int]] = []
    while left and len(pairs) < count:  # one of each person in turn
        for person in chance.permutation(list(left))[: count - len(pairs)].tolist():
            number = left[person].pop()
            if not left[person]:
                del left[person]
            # Numbers of the pairs of a triangle, row by row.
            high = int((1 + (1 + 8 * number) ** 0.5) // 2)
            low = number - high * (high - 1) // 2
            start = int(starts[person])
            pairs.append((int(order[start + low]), int(order[start + high])))
    return np.array(pairs, np.intp).reshape(-1, 2)


def _of_two(persons: Indices, count: int, chance: np.random.Generator) -> Indices:
    faces = len(persons)
    sizes = np.bincount(persons) if faces else np.zeros(0, np.intp)
    possible = (faces * faces - int((sizes.astype(np.int64) ** 2).sum())) // 2
    found: set[tuple[int, int]] = set()
    while len(found) < min(count, possible):
        for a, b in chance.integers(0, faces, (count, 2)).tolist():
            if persons[a] != persons[b] and len(found) < count:
                found.add((min(a, b), max(a, b)))
    return np.array(sorted(found), np.intp).reshape(-1, 2)
