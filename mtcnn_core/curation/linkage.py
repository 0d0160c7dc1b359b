"""Average linkage from neighbours: faces become persons without a look at all pairs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.curation.columns import Floats, Names
from mtcnn_core.curation.neighbours import BLOCK, in_blocks

_Edges = NDArray[np.int64]


def average_linkage(
    vectors: Floats,
    edges: _Edges,
    threshold: float,
    *,
    start: Names | None = None,
    usual: Usual | None = None,
    photo: NDArray[np.int64] | None = None,
    threads: int = 1,
) -> Names:
    """Joins faces into clusters while the mean cosine between two clusters reaches a threshold.

    The mean over all pairs of two clusters is the product of their mean vectors, so it is exact
    although only clusters are compared that an edge joins. In each round all pairs of clusters that
    are nearest to each other are joined at once: with average linkage that gives what joining
    the nearest pair each time gives (reciprocal nearest neighbours, Murtagh 1983).

    Args:
        vectors: float32 ``(n, d)`` of length 1.
        edges: int64 ``(m, 2)``: pairs of faces that may be one person, in any order.
        threshold: The least mean cosine.
        start: int32 ``(n,)``, not negative: clusters that are there at the beginning. None: each
            face is one.
        usual: Clusters are joined by :func:`relative_cosines` then, not by mean cosines.
        photo: int64 ``(n,)``: clusters that hold faces of one photo are never joined. None leaves
            that out.
        threads: How many blocks are computed at a time. The result does not depend on it.

    Returns:
        int32 ``(n,)``: the number of each face's cluster, from 0 in the order of their first faces.
    """
    n = len(vectors)
    if start is None:
        cluster = np.arange(n, dtype=np.int64)
        sums, sizes = vectors.copy(), np.ones(n, np.float32)
    else:
        _, cluster = np.unique(start, return_inverse=True)
        sums, sizes = totals(vectors, cluster)
        edges = cluster[edges]
        edges = edges[edges[:, 0] != edges[:, 1]]
    n = len(sums)
    edges = _unique(np.sort(edges, axis=1), n)
    means = _means(sums, sizes, edges, usual, threads)
    while True:
        close = means >= threshold
        edges, means = edges[close], means[close]
        if not len(edges):
            break
        chosen = _mutual(edges, means, n)
        if photo is not None:
            apart = _in_one_photo(edges[chosen], cluster, photo)
            refused, chosen = chosen[apart], chosen[~apart]
            kept = np.ones(len(edges), np.bool_)
            kept[refused] = False
            pairs = edges[chosen]
            edges, means = edges[kept], means[kept]
        else:
            pairs = edges[chosen]
        # The lower number stays.
        sums[pairs[:, 0]] += sums[pairs[:, 1]]
        sizes[pairs[:, 0]] += sizes[pairs[:, 1]]
        into = np.arange(n)
        into[pairs[:, 1]] = pairs[:, 0]
        cluster = into[cluster]
        grown = np.zeros(n, np.bool_)
        grown[pairs[:, 0]] = True
        moved = into[edges]
        touched = grown[moved].any(axis=1)
        again = moved[touched]
        again = _unique(np.sort(again[again[:, 0] != again[:, 1]], axis=1), n)
        edges = np.concatenate([edges[~touched], again])
        means = np.concatenate([means[~touched], _means(sums, sizes, again, usual, threads)])
    _, first, number = np.unique(cluster, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[number].astype(np.int32)


def totals(vectors: Floats, cluster: NDArray[np.integer]) -> tuple[Floats, Floats]:
    """Adds up the vectors of each cluster.

    Args:
        vectors: float32 ``(n, d)``.
        cluster: ``(n,)``: the number of each one's cluster, from 0; none is empty.

    Returns:
        float32 ``(clusters, d)`` and float32 ``(clusters,)``: the sums, and how many there are.
    """
    order = np.argsort(cluster, kind="stable")
    sizes = np.bincount(cluster)
    bounds = np.concatenate([[0], np.cumsum(sizes)])
    sums = np.empty((len(sizes), vectors.shape[1]), np.float32)
    for first in range(0, len(sizes), BLOCK):
        last = min(first + BLOCK, len(sizes))
        some = vectors[order[bounds[first] : bounds[last]]]
        sums[first:last] = np.add.reduceat(some, bounds[first:last] - bounds[first])
    return sums, sizes.astype(np.float32)


def _unique(edges: _Edges, n: int) -> _Edges:
    keys = np.unique(edges[:, 0] * n + edges[:, 1])
    return np.stack([keys // n, keys % n], axis=1)


class Usual(NamedTuple):
    """How alike faces are with some model, in the middle.

    Attributes:
        own: Mean cosine of two faces of one person.
        other: Mean cosine of two faces of two persons.
    """

    own: float
    other: float


def mean_cosines(sums: Floats, sizes: Floats, others: Floats, other_sizes: Floats) -> Floats:
    """Returns the mean cosine of all pairs across two clusters, from their sums and sizes.

    Args:
        sums: float32 ``(n, d)``, see :func:`totals`.
        sizes: float32 ``(n,)``.
        others: float32 ``(n, d)``: sums of the clusters they are compared with.
        other_sizes: float32 ``(n,)``.
    """
    means: Floats = np.einsum("ij,ij->i", sums, others) / (sizes * other_sizes)
    return means


def relative_cosines(
    sums: Floats, sizes: Floats, others: Floats, other_sizes: Floats, usual: Usual
) -> Floats:
    """Returns how much less alike faces across two clusters are than faces within them.

    The mean cosine across, minus the mean of those within the two. Within a cluster the usual
    cosine counts as one pair more, which is all there is for a single face. Two clusters of one
    person have about 0 whatever their sizes, and however much faces of that person are alike, as
    mean cosines and cosines of centres do not. A cluster of several persons would be like
    everybody: within, a fifth of the way from one person's cosine to two persons' is the least that
    counts.

    Args:
        sums: float32 ``(n, d)``, see :func:`totals`.
        sizes: float32 ``(n,)``.
        others: float32 ``(n, d)``: sums of the clusters they are compared with.
        other_sizes: float32 ``(n,)``.
        usual: How alike faces are.
    """
    across = mean_cosines(sums, sizes, others, other_sizes)
    least = usual.own - 0.2 * (usual.own - usual.other)
    within = [
        np.maximum((np.einsum("ij,ij->i", s, s) - n + usual.own) / (n * (n - 1) + 1), least)
        for s, n in ((sums, sizes), (others, other_sizes))
    ]
    relative: Floats = (across - (within[0] + within[1]) / 2).astype(np.float32)
    return relative


def _means(sums: Floats, sizes: Floats, edges: _Edges, usual: Usual | None, threads: int) -> Floats:
    """How alike the clusters of each edge are."""

    def some(start: int, end: int) -> Floats:
        a, b = edges[start:end].T
        ends = sums[a], sizes[a], sums[b], sizes[b]
        return mean_cosines(*ends) if usual is None else relative_cosines(*ends, usual)

    return np.concatenate([np.empty(0, np.float32), *in_blocks(some, len(edges), threads)])


def _mutual(edges: _Edges, means: Floats, n: int) -> NDArray[np.intp]:
    """Which edges join two clusters that have no nearer one, each cluster at most once."""
    best = np.full(n, -np.inf, np.float32)
    for side in (0, 1):
        np.maximum.at(best, edges[:, side], means)
    both = np.flatnonzero((means == best[edges[:, 0]]) & (means == best[edges[:, 1]]))
    # Of equals the first by number, which a cluster may have several of.
    both = both[np.lexsort((edges[both, 1], edges[both, 0]))]
    first = np.full(n, len(both))
    place = np.arange(len(both))
    for side in (0, 1):
        np.minimum.at(first, edges[both, side], place)
    ends = edges[both]
    chosen: NDArray[np.intp] = both[(first[ends[:, 0]] == place) & (first[ends[:, 1]] == place)]
    return chosen


def _in_one_photo(
    pairs: _Edges, cluster: NDArray[np.int64], photo: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which pairs of clusters hold faces of one photo."""
    pair = np.full(len(cluster), -1)
    pair[pairs.ravel()] = np.repeat(np.arange(len(pairs)), 2)
    here = np.flatnonzero(pair[cluster] >= 0)
    order = here[np.lexsort((photo[here], pair[cluster[here]]))]
    number, where = pair[cluster[order]], photo[order]
    twice = (number[1:] == number[:-1]) & (where[1:] == where[:-1])
    apart = np.zeros(len(pairs), np.bool_)
    apart[number[1:][twice]] = True
    return apart
