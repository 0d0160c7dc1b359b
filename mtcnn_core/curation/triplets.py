"""Semi-hard triplets of faces (Schroff et al., 2015): what a network has yet to learn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.curation.neighbours import nearest

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

# Anchors that are compared with all faces at once, and faces that they are compared with at once.
_ANCHORS = 64
_FACES = 2**18
# Neighbours that are looked at where a few triplets of each anchor are wanted.
_NEIGHBOURS = 256
# Cosines of a matrix product differ from those of differences by less than that.
_SLACK = 1e-4


class Triplets(NamedTuple):
    """Triplets, those of an anchor side by side, the anchors rising.

    Attributes:
        anchor: int64 ``(n,)``: row of each.
        positive: int64 ``(n,)``: another face of its identity.
        negative: int64 ``(n,)``: a face of another identity.
        to_positive: float32 ``(n,)``: squared distance of anchor and positive.
        to_negative: float32 ``(n,)``: squared distance of anchor and negative.
    """

    anchor: Rows
    positive: Rows
    negative: Rows
    to_positive: Floats
    to_negative: Floats


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
    """Yields the semi-hard triplets of blocks of anchors.

    Those are all, or some, with ``d(a, p) < d(a, n) < d(a, p) + margin``, where d is the squared
    Euclidean distance, computed in float64 and rounded to float32.

    Where a few are wanted of each anchor, the negatives are the nearest ones that are semi-hard,
    the positives taking turns. They are looked for among the anchor's nearest faces, and among all
    only if those do not reach far enough.

    Args:
        vectors: float32 ``(n, d)``, of length 1.
        class_id: ``(n,)``: the identity of each.
        mining: Which are wanted.
        threads: The result does not depend on it.

    Raises:
        mtcnn_core.curation.errors.CurationError: faiss is needed, and not installed.
    """
    searched = _Search(vectors, np.asarray(class_id, np.int64), mining)
    near = None
    if mining.per_anchor is not None and len(vectors) > _NEIGHBOURS:
        near = nearest(vectors, None, _NEIGHBOURS, threads)
    for start in range(0, len(vectors), _ANCHORS):
        anchors = np.arange(start, min(start + _ANCHORS, len(vectors)))
        if near is None:
            yield _joined(searched.among_all(anchors))
            continue
        found: dict[int, Triplets] = {}
        for anchor in anchors.tolist():
            rows = near.rows[anchor]
            some = searched.chosen(anchor, np.sort(rows[rows >= 0]).astype(np.int64))
            # What lies beyond the neighbours could be nearer than what some positive needs.
            reach = float(2 - 2 * near.cosines[anchor].min(initial=1))
            if len(some.anchor) < (mining.per_anchor or 0) and reach <= searched.reach(anchor):
                continue
            found[anchor] = some
        left = np.array([anchor for anchor in anchors.tolist() if anchor not in found], np.int64)
        found |= dict(zip(left.tolist(), searched.among_all(left), strict=True))
        yield _joined([found[anchor] for anchor in anchors.tolist()])


class _Search:
    def __init__(self, vectors: Floats, class_id: Rows, mining: Mining) -> None:
        self._vectors, self._class_id, self._mining = vectors, class_id, mining
        order = np.argsort(class_id, kind="stable")
        self._order, self._sorted = order, class_id[order]

    def among_all(self, anchors: Rows) -> list[Triplets]:
        """The triplets of each anchor, with negatives from all faces."""
        reaches = np.array([self.reach(anchor) for anchor in anchors.tolist()])
        near: list[list[Rows]] = [[] for _ in anchors]
        for start in range(0, len(self._vectors) if len(anchors) else 0, _FACES):
            some = self._vectors[start : start + _FACES]
            squares = 2 - 2 * self._vectors[anchors] @ some.T
            which, rows = np.nonzero(squares < (reaches + _SLACK)[:, None])
            bounds = np.searchsorted(which, np.arange(len(anchors) + 1))
            for number in range(len(anchors)):
                near[number].append(rows[bounds[number] : bounds[number + 1]] + start)
        return [
            self.chosen(anchor, np.concatenate(rows))
            for anchor, rows in zip(anchors.tolist(), near, strict=True)
        ]

    def reach(self, anchor: int) -> float:
        """Up to where a semi-hard negative of an anchor can lie; below zero where none can be."""
        positives = self._positives(anchor)
        if not len(positives):
            return -1.0
        return float(self._squares(anchor, positives).max()) + self._mining.margin

    def chosen(self, anchor: int, rows: Rows) -> Triplets:
        """The triplets of an anchor that are wanted, with negatives among some rows, rising."""
        positives = self._positives(anchor)
        negatives = rows[self._class_id[rows] != self._class_id[anchor]]
        to_positives = self._squares(anchor, positives)
        to_negatives = self._squares(anchor, negatives)
        ranked = np.argsort(to_negatives, kind="stable")
        negatives, to_negatives = negatives[ranked], to_negatives[ranked]
        if self._mining.per_anchor is not None:
            chance = np.random.default_rng([self._mining.seed, anchor])
            turn = chance.permutation(len(positives))
            positives, to_positives = positives[turn], to_positives[turn]
        low = np.searchsorted(to_negatives, to_positives, side="right")
        ends = to_positives + np.float32(self._mining.margin)
        high = np.maximum(np.searchsorted(to_negatives, ends, side="left"), low)
        which = np.repeat(np.arange(len(positives)), high - low)
        at = np.concatenate([np.zeros(0, np.intp), *map(np.arange, low, high)]).astype(np.intp)
        if self._mining.per_anchor is not None:
            # One of each positive, the nearest first, then the second of each, and so on.
            rounds = at - low[which]
            taken = np.argsort(rounds, kind="stable")[: self._mining.per_anchor]
            which, at = which[taken], at[taken]
        return Triplets(
            np.full(len(at), anchor, np.int64),
            positives[which],
            negatives[at],
            to_positives[which],
            to_negatives[at],
        )

    def _positives(self, anchor: int) -> Rows:
        own = self._class_id[anchor]
        low, high = np.searchsorted(self._sorted, [own, own + 1])
        rows: Rows = self._order[low:high].astype(np.int64)
        others: Rows = rows[rows != anchor]
        return others

    def _squares(self, anchor: int, rows: Rows) -> Floats:
        """Squared distances of an anchor to rows."""
        differences = self._vectors[rows].astype(np.float64) - self._vectors[anchor]
        squares: Floats = np.einsum("nd,nd->n", differences, differences).astype(np.float32)
        return squares


def _joined(several: list[Triplets]) -> Triplets:
    return Triplets(*(np.concatenate(columns) for columns in zip(*several, strict=True)))
