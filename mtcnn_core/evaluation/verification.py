"""Face verification by the protocol of Labeled Faces in the Wild (Huang et al., 2007)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.evaluation.annotations import Bools, Indices
from mtcnn_core.evaluation.overlaps import Floats

FOLDS = 10


@dataclass(frozen=True, eq=False)
class Roc:
    """What is accepted at each threshold, the strictest first.

    Attributes:
        far: False accept rate, float64 ``(n,)``, from 0 to 1: pairs of different persons that are
            accepted.
        tar: True accept rate, ``(n,)``: pairs of one person that are accepted.
        thresholds: ``(n,)``, falling: a pair is accepted at this similarity or a larger one. The
            first is infinity: nothing is.
        negatives: How many pairs of different persons there are.
    """

    far: Floats
    tar: Floats
    thresholds: Floats
    negatives: int

    @property
    def area(self) -> float:
        """Area under the curve."""
        return float((np.diff(self.far) * (self.tar[1:] + self.tar[:-1]) / 2).sum())

    @property
    def equal_error_rate(self) -> float:
        """The rate at which as many are accepted wrongly as rejected wrongly, interpolated."""
        excess = self.far + self.tar - 1  # rises from -1 to 1
        after = int(np.argmax(excess >= 0))
        share = -excess[after - 1] / (excess[after] - excess[after - 1])
        return float(self.far[after - 1] + share * (self.far[after] - self.far[after - 1]))

    def tar_at(self, far: float) -> float:
        """Returns the best true accept rate with at most this false accept rate, not interpolated.

        With fewer than ``1 / far`` pairs of different persons, none of them may be accepted: 100
        pairs tell no difference between 0.001 and 0.009.
        """
        return float(np.max(self.tar[self.far <= far]))


@dataclass(frozen=True, eq=False)
class Verification:
    """Accuracy over folds, and the curve over all pairs.

    Attributes:
        accuracies: float64 ``(folds,)``: of each fold, with the threshold of the others.
        thresholds: float64 ``(folds,)``: the threshold chosen on the others.
        is_right: bool ``(pairs,)``: whether each pair was told rightly, in its fold.
        folds: intp ``(pairs,)``: the fold of each pair, from 0.
        roc: Over all pairs.
    """

    accuracies: Floats
    thresholds: Floats
    is_right: Bools
    folds: Indices
    roc: Roc

    @property
    def mean(self) -> float:
        """Mean accuracy over the folds."""
        return float(self.accuracies.mean())

    @property
    def deviation(self) -> float:
        """Standard deviation over the folds, as estimated from a sample."""
        return float(self.accuracies.std(ddof=1))


def verify(
    similarities: Floats, same: Bools, folds: NDArray[np.integer] | None = None
) -> Verification:
    """Tells pairs of one person from pairs of two, each fold with the threshold of the others.

    A pair whose similarity is NaN, as of a photo without a face, is told wrongly whatever the
    threshold; on the curve it is never accepted but where everything is.

    Args:
        similarities: ``(pairs,)``, larger where two photos are more alike.
        same: ``(pairs,)``: whether they show one person.
        folds: ``(pairs,)``: which fold each pair belongs to, any whole numbers. Without them,
            pairs of either kind are dealt out in turn to 10 folds, or to as many as leave no fold
            without both kinds.

    Raises:
        ValueError: The shapes do not belong together, or there are fewer than two folds, or not
            two pairs of either kind.
    """
    similarities = np.asarray(similarities, np.float64)
    same = np.asarray(same, np.bool_)
    if similarities.ndim != 1 or same.shape != similarities.shape:
        raise ValueError(f"similarities {similarities.shape} and same {same.shape} differ in shape")
    if same.sum() < 2 or (~same).sum() < 2:
        raise ValueError("two pairs of one person and two of different persons are the least")
    dealt = _deal(same) if folds is None else _numbered(folds, len(same))
    count = int(np.max(dealt)) + 1
    accuracies, thresholds = np.empty(count), np.empty(count)
    is_right = np.zeros(len(same), np.bool_)
    for fold in range(count):
        here = dealt == fold
        thresholds[fold] = _best_threshold(similarities[~here], same[~here])
        is_right[here] = _is_right(similarities[here], same[here], thresholds[fold])
        accuracies[fold] = is_right[here].mean()
    return Verification(accuracies, thresholds, is_right, dealt, roc(similarities, same))


def roc(similarities: Floats, same: Bools) -> Roc:
    """Returns the curve over all pairs; see `verify` for the arguments."""
    known = np.where(np.isnan(similarities), -np.inf, similarities)
    order = np.argsort(-known, kind="stable")
    ranked = known[order]
    # Pairs that are equally alike are accepted together.
    last = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    tar = np.cumsum(same[order])[last] / same.sum()
    far = np.cumsum(~same[order])[last] / (~same).sum()
    return Roc(
        np.concatenate([[0.0], far]),
        np.concatenate([[0.0], tar]),
        np.concatenate([[np.inf], ranked[last]]),
        int((~same).sum()),
    )


def _deal(same: Bools) -> Indices:
    folds = min(FOLDS, int(same.sum()), int((~same).sum()))
    dealt = np.empty(len(same), np.intp)
    for kind in (same, ~same):
        dealt[kind] = np.arange(kind.sum()) % folds
    return dealt


def _numbered(folds: NDArray[np.integer], pairs: int) -> Indices:
    folds = np.asarray(folds)
    if folds.shape != (pairs,):
        raise ValueError(f"folds of {pairs} pairs must have shape {(pairs,)}, not {folds.shape}")
    names, numbers = np.unique(folds, return_inverse=True)
    if len(names) < 2:
        raise ValueError("there is a single fold: a threshold is chosen on the others")
    numbered: Indices = numbers.astype(np.intp)
    return numbered


def _best_threshold(similarities: Floats, same: Bools) -> float:
    """The threshold that tells most pairs rightly; the middle one of several."""
    known = np.isfinite(similarities)
    values, positions = np.unique(similarities[known], return_inverse=True)
    if not len(values):
        return 0.0
    # A candidate before the first value, between two, and behind the last; what is below is told
    # to be two persons.
    edges = np.concatenate([[values[0]], (values[1:] + values[:-1]) / 2, [np.inf]])
    gain = np.bincount(positions, weights=np.where(same[known], -1, 1))
    right = np.concatenate([[0], np.cumsum(gain)])
    best = np.flatnonzero(right == right.max())
    return float(edges[best[len(best) // 2]])


def _is_right(similarities: Floats, same: Bools, threshold: float) -> Bools:
    right: Bools = ((similarities >= threshold) == same) & ~np.isnan(similarities)
    return right
