"""Semi-hard triplets of faces (Schroff et al., 2015): what a network has yet to learn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.curation.neighbours import is_searched_whole, nearest_in_turn

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

# Anchors that are compared with all faces at once, and faces that they are compared with at once.
_ANCHORS = 64
_FACES = 2**16
# Rows whose distances are computed at once.
_ROWS = 2**13
# Neighbours that are looked at where a few triplets of each anchor are wanted.
_NEIGHBOURS = 256
# Squares from a matrix product differ from those of differences by less than that.
_SLACK = 1e-4


@dataclass(frozen=True, eq=False)
class Triplets:
    """Triplets of one anchor.

    Each positive stands for the triplets with some negatives that follow one another: an anchor
    may have a million triplets of a few thousand faces.

    Attributes:
        anchor: Its row.
        positives: int64 ``(p,)``: other faces of its identity; several times if need be.
        to_positives: float32 ``(p,)``: squared distance of anchor and positive.
        first: int64 ``(p,)``: the first negative of each.
        count: int64 ``(p,)``: how many negatives each has, from there on.
        negatives: int64 ``(n,)``: faces of other identities, by rising distance.
        to_negatives: float32 ``(n,)``: squared distance of anchor and negative.
    """

    anchor: int
    positives: Rows
    to_positives: Floats
    first: Rows
    count: Rows
    negatives: Rows
    to_negatives: Floats

    @property
    def total(self) -> int:
        """How many triplets there are."""
        return int(self.count.sum())


@dataclass(frozen=True)
class Mining:
    """Which triplets are wanted.

    Attributes:
        margin: Between the squared distances.
        per_anchor: How many of each anchor; None is all.
        seed: Which positives come first, where not all are wanted.
    """

    margin: float = 0.2
    per_anchor: int | None = None
    seed: int = 0


def mine(
    vectors: Floats, class_id: NDArray[np.integer], mining: Mining, threads: int = 1
) -> Iterator[Triplets]:
    """Yields the semi-hard triplets of each anchor, anchor by anchor.

    Those are all, or some, with ``d(a, p) < d(a, n) < d(a, p) + margin``, where d is the squared
    Euclidean distance, computed in float64 and rounded to float32; the numbers that come out hold
    to that, in float64.

    Where a few are wanted of each anchor, the negatives are the nearest ones that are semi-hard,
    the positives taking turns. They are looked for among the anchor's nearest faces, so that a
    positive behind all of those has no turn as long as others have enough. An anchor that has fewer
    than are wanted there is compared with all faces: it has fewer in the end only if there are no
    more.

    Args:
        vectors: float32 ``(n, d)``, of length 1.
        class_id: ``(n,)``: the identity of each.
        mining: Which are wanted.
        threads: The result does not depend on it.

    Raises:
        mtcnn_core.curation.errors.CurationError: faiss is needed, and not installed.
    """
    search = _Search(vectors, np.asarray(class_id, np.int64), mining)
    count = len(vectors)
    if mining.per_anchor is None or count <= _NEIGHBOURS:
        for start in range(0, count, _ANCHORS):
            yield from search.among_all(np.arange(start, min(start + _ANCHORS, count)))
        return
    for first, near in nearest_in_turn(vectors, _NEIGHBOURS, threads):
        for start in range(0, len(near.rows), _ANCHORS):
            some = slice(start, start + _ANCHORS)
            yield from search.among(first + start, near.rows[some], near.cosines[some])


class _Search:
    def __init__(self, vectors: Floats, class_id: Rows, mining: Mining) -> None:
        self._vectors, self._class_id, self._mining = vectors, class_id, mining
        self._misses_none = is_searched_whole(len(vectors))
        order = np.argsort(class_id, kind="stable")
        self._order, self._sorted = order, class_id[order]

    def among(self, start: int, rows: NDArray[np.int32], cosines: Floats) -> list[Triplets]:
        """The triplets of anchors from a row on, whose neighbours are known."""
        known = [near[near >= 0].astype(np.int64) for near in rows]
        found = [self._chosen(start + n, near) for n, near in enumerate(known)]
        lacking = [
            each.anchor
            for each, near in zip(found, cosines, strict=True)
            if each.total < (self._mining.per_anchor or 0) and self._has_more(each.anchor, near)
        ]
        for each in self.among_all(np.array(lacking, np.int64)):
            found[each.anchor - start] = each
        return found

    def among_all(self, anchors: Rows) -> list[Triplets]:
        """The triplets of each anchor, with negatives from all faces."""
        reaches = np.array([self._reach(anchor) for anchor in anchors.tolist()])
        near: list[list[Rows]] = [[] for _ in anchors]
        squares: list[list[Floats]] = [[] for _ in anchors]
        for start in range(0, len(self._vectors) if len(anchors) else 0, _FACES):
            block = 2 - 2 * self._vectors[anchors] @ self._vectors[start : start + _FACES].T
            for number, (row, reach) in enumerate(zip(block, reaches, strict=True)):
                (here,) = np.nonzero(row < reach + _SLACK)
                near[number].append(here + start)
                squares[number].append(row[here])
        return [
            self._chosen(anchor, self._needed(anchor, np.concatenate(rows), np.concatenate(about)))
            for anchor, rows, about in zip(anchors.tolist(), near, squares, strict=True)
        ]

    def _has_more(self, anchor: int, cosines: Floats) -> bool:
        """Whether semi-hard negatives of an anchor can lie besides its neighbours."""
        reach = self._reach(anchor)
        if reach < 0 or not self._misses_none:
            return reach >= 0
        # What lies beyond the neighbours could be nearer than what some positive needs.
        return float(2 - 2 * cosines.min(initial=1)) <= reach + _SLACK

    def _reach(self, anchor: int) -> float:
        """Up to where a semi-hard negative of an anchor can lie; below zero where none can be."""
        positives = self._positives(anchor)
        if not len(positives):
            return -1.0
        return float(self._squares(anchor, positives).max()) + self._mining.margin

    def _needed(self, anchor: int, rows: Rows, about: Floats) -> Rows:
        """Those of some rows that can be among the nearest behind a positive.

        Args:
            anchor: The anchor.
            rows: Faces in its reach.
            about: Their squared distances, to within the slack.
        """
        wanted = self._mining.per_anchor
        is_other = self._class_id[rows] != self._class_id[anchor]
        rows, about = rows[is_other], about[is_other]
        if wanted is None or not len(rows):
            return rows
        ranked = np.argsort(about, kind="stable")
        rows, about = rows[ranked], about[ranked]
        to_positives = self._squares(anchor, self._positives(anchor))
        low = np.searchsorted(about, to_positives - _SLACK)
        # So many are surely behind the positive; whatever is nearer than the last of them counts.
        last = np.searchsorted(about, to_positives + _SLACK) + wanted - 1
        ends = about[np.minimum(last, len(about) - 1)] + 2 * _SLACK
        high = np.searchsorted(about, ends, side="right")
        needed: Rows = rows[_covered(low, high, len(rows))]
        return needed

    def _chosen(self, anchor: int, rows: Rows) -> Triplets:
        """The triplets of an anchor that are wanted, with negatives among some rows."""
        positives = self._positives(anchor)
        negatives = np.sort(rows[self._class_id[rows] != self._class_id[anchor]])
        to_positives = self._squares(anchor, positives)
        to_negatives = self._squares(anchor, negatives)
        ranked = np.argsort(to_negatives, kind="stable")
        negatives, to_negatives = negatives[ranked], to_negatives[ranked]
        wanted = self._mining.per_anchor
        if wanted is not None:
            chance = np.random.default_rng([self._mining.seed, anchor])
            turn = chance.permutation(len(positives))
            positives, to_positives = positives[turn], to_positives[turn]
        low = np.searchsorted(to_negatives, to_positives, side="right")
        ends = to_positives.astype(np.float64) + self._mining.margin
        high = np.searchsorted(to_negatives.astype(np.float64), ends, side="left")
        count = np.maximum(high - low, 0)
        if wanted is not None:
            which, at = _in_turns(low, np.minimum(count, wanted), wanted)
            positives, to_positives = positives[which], to_positives[which]
            low, count = at, np.ones(len(at), np.int64)
        return _trimmed(anchor, positives, to_positives, low, count, negatives, to_negatives)

    def _positives(self, anchor: int) -> Rows:
        own = self._class_id[anchor]
        low, high = np.searchsorted(self._sorted, [own, own + 1])
        rows: Rows = self._order[low:high].astype(np.int64)
        others: Rows = rows[rows != anchor]
        return others

    def _squares(self, anchor: int, rows: Rows) -> Floats:
        """Squared distances of an anchor to rows."""
        squares = np.empty(len(rows), np.float32)
        for start in range(0, len(rows), _ROWS):
            some = slice(start, start + _ROWS)
            differences = self._vectors[rows[some]].astype(np.float64) - self._vectors[anchor]
            squares[some] = np.einsum("nd,nd->n", differences, differences)
        return squares


def _in_turns(low: Rows, count: Rows, wanted: int) -> tuple[Rows, Rows]:
    """One negative of each positive, the nearest first, then the second of each, and so on.

    Args:
        low: Place of the first negative of each positive.
        count: How many negatives each has.
        wanted: How many are taken in all.

    Returns:
        Which positive, and place of the negative, of each that is taken.
    """
    which = np.repeat(np.arange(len(low)), count)
    rounds = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    taken = np.argsort(rounds, kind="stable")[:wanted]
    which = which[taken]
    return which, low[which] + rounds[taken]


def _covered(low: Rows, high: Rows, count: int) -> NDArray[np.bool_]:
    """Which of so many places are in one of the ranges from low to high, that not included."""
    begun, ended = (np.bincount(ends, minlength=count + 1) for ends in (low, high))
    return np.cumsum(begun - ended)[:count] > 0


def _trimmed(
    anchor: int,
    positives: Rows,
    to_positives: Floats,
    first: Rows,
    count: Rows,
    negatives: Rows,
    to_negatives: Floats,
) -> Triplets:
    """Triplets without the positives and the negatives that are in none."""
    has = count > 0
    first, count = first[has], count[has]
    is_used = _covered(first, first + count, len(negatives))
    places = np.cumsum(is_used) - 1
    return Triplets(
        anchor,
        positives[has],
        to_positives[has],
        places[first],
        count,
        negatives[is_used],
        to_negatives[is_used],
    )
