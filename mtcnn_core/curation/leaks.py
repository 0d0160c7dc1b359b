"""Persons that are in two datasets, by face and not by name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mtcnn_core.curation.columns import Bools, FaceColumns, Floats, Names, Progress, Rows
from mtcnn_core.curation.identities import first_rows
from mtcnn_core.curation.linkage import relative_cosines, totals
from mtcnn_core.curation.neighbours import nearest, single_threads
from mtcnn_core.curation.thresholds import Thresholds
from mtcnn_core.curation.verdicts import EVIDENCE

NEIGHBOURS = 16


@dataclass(frozen=True, eq=False)
class Leaks:
    """Faces whose persons are in another dataset too.

    Attributes:
        is_leak: bool ``(n,)``.
        score: float32 ``(n,)``: relative cosine (`linkage.relative_cosines`) of all faces of the
            person here and all of the person there that is most like; NaN where nothing was
            compared.
        identity: int32 ``(n,)``: that person there; -1 where its faces are of none.
        evidence: int64 ``(n, 3)``: rows of the other dataset: the nearest faces of that person,
            -1 where there are no more.
    """

    is_leak: Bools
    score: Floats
    identity: Names
    evidence: Rows


def leaks(
    faces: FaceColumns,
    others: FaceColumns,
    thresholds: Thresholds,
    identity: Names | None = None,
    other_identity: Names | None = None,
    progress: Progress | None = None,
    threads: int = 1,
) -> Leaks:
    """Finds persons of a dataset that are in another one.

    Args:
        faces: The dataset to check. Faces without a vector are no leaks, with NaN as score.
        others: What it must not overlap with.
        thresholds: ``leak`` is used.
        identity: int32 ``(n,)``: cleaned labels of the faces; -1 for faces that stand for
            themselves. Their labels by default.
        other_identity: int32 ``(m,)``: likewise of the others.
        progress: Told how far it is.
        threads: How many threads compute it. The result does not depend on it.

    Raises:
        CurationError: A library of the extra ``curate`` is not installed.
    """
    n = len(faces)
    here, there = np.flatnonzero(faces.has_vector), np.flatnonzero(others.has_vector)
    mine = _persons((faces.label if identity is None else identity)[here])
    names = (others.label if other_identity is None else other_identity)[there]
    theirs = _persons(names)
    vectors, other_vectors = faces.embeddings[here], others.embeddings[there]
    result = Leaks(
        np.zeros(n, np.bool_),
        np.full(n, np.nan, np.float32),
        np.full(n, -1, np.int32),
        np.full((n, EVIDENCE), -1, np.int64),
    )
    if not len(here) or not len(there):
        return result
    with single_threads():
        near = nearest(other_vectors, vectors, NEIGHBOURS, threads, progress).rows
        sums, sizes = totals(vectors, mine)
        other_sums, other_sizes = totals(other_vectors, theirs)
    rows, places = np.nonzero(near >= 0)
    count = len(other_sums)
    pairs = np.unique(mine[rows] * count + theirs[near[rows, places]])
    a, b = pairs // count, pairs % count
    ends = sums[a], sizes[a], other_sums[b], other_sizes[b]
    means = relative_cosines(*ends, thresholds.usual)
    # Of each person here the one there that is most like, of equals the first.
    order = np.lexsort((b, -means, a))
    first = np.ones(len(order), np.bool_)
    first[1:] = a[order[1:]] != a[order[:-1]]
    best, score = np.full(len(sums), -1), np.full(len(sums), np.nan, np.float32)
    best[a[order[first]]], score[a[order[first]]] = b[order[first]], means[order[first]]
    whose = best[mine]
    name = np.empty(count, np.int32)
    name[theirs] = names
    result.score[here] = score[mine]
    result.is_leak[here] = score[mine] >= thresholds.leak
    result.identity[here] = name[whose]
    found = first_rows(near, theirs[near] == whose[:, None], EVIDENCE)
    result.evidence[here] = np.where(found >= 0, there[found], -1)
    return result


def _persons(identity: Names) -> Rows:
    """Numbers from 0 for identities, and one of its own for each face of none."""
    alone = identity < 0
    names = identity.astype(np.int64)
    names[alone] = int(identity.max(initial=-1)) + 1 + np.arange(int(alone.sum()))
    return np.unique(names, return_inverse=True)[1].astype(np.int64)
