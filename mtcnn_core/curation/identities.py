"""Which faces are one person: labels that are two, labels that are one, faces without labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.curation.columns import Bools, FaceColumns, Floats, Names, Rows
from mtcnn_core.curation.linkage import average_linkage, mean_cosines, relative_cosines, totals
from mtcnn_core.curation.neighbours import Neighbours
from mtcnn_core.curation.thresholds import Thresholds

# The fewest faces that make a second person of one label, and that make a cluster.
LEAST_SPLIT = 3
LEAST_CLUSTER = 2


@dataclass(frozen=True, eq=False)
class Split:
    """Groups that labels fall apart into.

    Attributes:
        part: int32 ``(n,)``: 0 for faces that stay, from 1 the number of a face's new identity.
        split_from: int32 ``(parts,)``: the label each new identity was split from.
        score: float32 ``(n,)``: mean cosine between the group and what stays; NaN elsewhere.
    """

    part: Names
    split_from: Names
    score: Floats


def within(label: Names, neighbours: Neighbours, usable: Bools) -> NDArray[np.int64]:
    """Lists pairs of neighbours that bear one label (or none, both), int64 ``(m, 2)``."""
    near = neighbours.rows
    pairs = (near >= 0) & usable[:, None] & usable[near] & (label[:, None] == label[near])
    rows = np.nonzero(pairs)[0]
    return np.stack([rows, near[pairs].astype(np.int64)], axis=1)


def split_labels(
    faces: FaceColumns,
    neighbours: Neighbours,
    usable: Bools,
    thresholds: Thresholds,
    threads: int = 1,
) -> Split:
    """Finds labels whose faces fall apart into groups, each of a person.

    The largest group keeps the label; every other of three faces or more becomes an identity.
    Faces that fall apart alone or in pairs are no person, and stay.

    Args:
        faces: The faces.
        neighbours: Their nearest faces.
        usable: bool ``(n,)``: which of them take part; those have labels.
        thresholds: ``two_persons`` is used.
        threads: How many blocks are computed at a time.
    """
    n = len(faces)
    here = np.flatnonzero(usable)
    number = np.full(n, -1)
    number[here] = np.arange(len(here))
    vectors, label = faces.embeddings[here], faces.label[here]
    edges = number[within(faces.label, neighbours, usable)]
    group = average_linkage(vectors, edges, thresholds.two_persons, threads=threads)
    sizes, whose = np.bincount(group), np.empty(group.max(initial=-1) + 1, np.int32)
    whose[group] = label
    # By label, the largest group first, of equals the first.
    order = np.lexsort((-sizes, whose))
    is_first = np.ones(len(order), np.bool_)
    is_first[1:] = whose[order[1:]] != whose[order[:-1]]
    new = np.zeros(len(order), np.bool_)
    new[order[~is_first]] = True
    new &= sizes >= LEAST_SPLIT
    part_of = np.where(new, np.cumsum(new), 0).astype(np.int32)
    part, score = np.zeros(n, np.int32), np.full(n, np.nan, np.float32)
    part[here] = part_of[group]
    if new.any():
        sums, counts = totals(vectors, group)
        main = np.zeros(faces.labels, np.int64)
        main[whose[order[is_first]]] = order[is_first]
        largest = main[whose]
        means = mean_cosines(sums, counts, sums[largest], counts[largest])
        score[here] = np.where(new, means, np.nan)[group]
    return Split(part, whose[new], score)


def cluster(
    faces: FaceColumns,
    neighbours: Neighbours,
    usable: Bools,
    thresholds: Thresholds,
    threads: int = 1,
) -> Names:
    """Joins faces without labels into persons.

    Args:
        faces: The faces.
        neighbours: Their nearest faces.
        usable: bool ``(n,)``: which of them take part.
        thresholds: ``person`` is used.
        threads: How many blocks are computed at a time.

    Returns:
        int32 ``(n,)``: the number of each face's cluster; -1 for faces that are alone.
    """
    here = np.flatnonzero(usable)
    number = np.full(len(faces), -1)
    number[here] = np.arange(len(here))
    edges = number[within(np.zeros(len(faces), np.int32), neighbours, usable)]
    found = average_linkage(
        faces.embeddings[here],
        edges,
        thresholds.person,
        photo=faces.photo[here],
        threads=threads,
    )
    large = np.bincount(found) >= LEAST_CLUSTER
    numbers = np.where(large, np.cumsum(large) - 1, -1).astype(np.int32)
    clusters = np.full(len(faces), -1, np.int32)
    clusters[here] = numbers[found]
    return clusters


@dataclass(frozen=True, eq=False)
class Merge:
    """Identities that are one person.

    Attributes:
        into: int32 ``(identities,)``: the identity that each becomes part of; itself otherwise.
        score: float32 ``(identities,)``: relative cosine with that identity; NaN for itself.
    """

    into: Names
    score: Floats


def merge_identities(
    faces: FaceColumns,
    identity: Names,
    neighbours: Neighbours,
    usable: Bools,
    thresholds: Thresholds,
    threads: int = 1,
) -> Merge:
    """Finds identities that are one person.

    A person bears the label with the most faces, of equals the first; a label rather than a
    cluster of faces without one.

    Args:
        faces: The faces.
        identity: int32 ``(n,)``: the identity of each face; -1 for those of none.
        neighbours: Their nearest faces.
        usable: bool ``(n,)``: which of them take part.
        thresholds: ``same_person`` is used.
        threads: How many blocks are computed at a time.
    """
    count = int(identity.max(initial=-1)) + 1
    into, score = np.arange(count, dtype=np.int32), np.full(count, np.nan, np.float32)
    usable = usable & (identity >= 0)
    here = np.flatnonzero(usable)
    number = np.full(len(faces), -1)
    number[here] = np.arange(len(here))
    near = neighbours.rows
    pairs = (near >= 0) & usable[:, None] & usable[near] & (identity[:, None] != identity[near])
    rows = np.nonzero(pairs)[0]
    edges = number[np.stack([rows, near[pairs].astype(np.int64)], axis=1)]
    vectors, names = faces.embeddings[here], identity[here]
    if not len(edges):
        return Merge(into, score)
    person = average_linkage(
        vectors,
        edges,
        thresholds.same_person,
        start=names,
        usual=thresholds.usual,
        photo=faces.photo[here],
        threads=threads,
    )
    present, place = np.unique(names, return_inverse=True)
    sums, sizes = totals(vectors, place)
    whose = np.empty(len(present), np.int32)
    whose[place] = person
    order = np.lexsort((present, -sizes, present >= faces.labels, whose))
    first = np.ones(len(order), np.bool_)
    first[1:] = whose[order[1:]] != whose[order[:-1]]
    leader = np.empty(int(whose.max()) + 1, np.int64)
    leader[whose[order[first]]] = order[first]
    target = leader[whose]
    means = relative_cosines(sums, sizes, sums[target], sizes[target], thresholds.usual)
    into[present] = present[target]
    score[present] = np.where(target == np.arange(len(present)), np.nan, means)
    return Merge(into, score)


def first_rows(near: Names, fits: Bools, count: int) -> Rows:
    """Picks from each face's neighbours the first that fit.

    Args:
        near: int32 ``(n, k)``.
        fits: bool ``(n, k)``.
        count: How many are wanted.

    Returns:
        int64 ``(n, count)``; -1 where fewer fit.
    """
    order = np.argsort(~fits, axis=1, kind="stable")[:, :count]
    picked = np.take_along_axis(np.where(fits, near, -1), order, 1).astype(np.int64)
    return np.pad(picked, ((0, 0), (0, count - picked.shape[1])), constant_values=-1)
