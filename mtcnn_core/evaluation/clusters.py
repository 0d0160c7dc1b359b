"""How well clusters agree with persons."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Agreement(NamedTuple):
    """How much of what was found is right, and how much of what there is was found.

    Attributes:
        precision: From 0 to 1; 1 where nothing was found.
        recall: From 0 to 1; 1 where there is nothing to find.
    """

    precision: float
    recall: float

    @property
    def f(self) -> float:
        """Harmonic mean of the two."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def agreement(found: NDArray[np.bool_], true: NDArray[np.bool_]) -> Agreement:
    """Compares what was found with what there is to find, bool ``(n,)`` each."""
    both = float((found & true).sum())
    return Agreement(
        both / found.sum() if found.any() else 1.0, both / true.sum() if true.any() else 1.0
    )


def bcubed(found: NDArray[np.integer], true: NDArray[np.integer]) -> Agreement:
    """Compares clusters with persons, face by face (B-cubed, Bagga and Baldwin 1998).

    A face's precision is the share of its cluster that is of its person, its recall the share of
    its person that is in its cluster; each is averaged over all faces.

    Args:
        found: ``(n,)``: number of each face's cluster; -1 for a face that is alone.
        true: ``(n,)``: number of each face's person, from 0.
    """
    if not len(found):
        return Agreement(1.0, 1.0)
    alone = found < 0
    clusters = found.astype(np.int64)
    clusters[alone] = clusters.max() + 1 + np.arange(int(alone.sum()))
    both = np.stack([clusters, true.astype(np.int64)], axis=1)
    shared = _sizes(np.unique(both, axis=0, return_inverse=True)[1].ravel())
    return Agreement(
        float((shared / _sizes(np.unique(clusters, return_inverse=True)[1])).mean()),
        float((shared / _sizes(true)).mean()),
    )


def _sizes(numbers: NDArray[np.integer]) -> NDArray[np.integer]:
    sizes: NDArray[np.integer] = np.bincount(numbers)[numbers]
    return sizes
