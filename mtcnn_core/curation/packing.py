"""An order in which what is alike lies side by side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.evaluation.annotations import Indices

# Steps of the power iteration; the direction need not be exact.
_STEPS = 12


def order_by_likeness(centres: NDArray[np.float32], smallest: int = 2) -> Indices:
    """Returns an order of vectors in which neighbours are alike.

    The vectors are halved at the median along the direction in which they differ most (their first
    principal component), and so are the halves, down to single ones. In n log n steps, and for the
    same vectors always the same.

    Args:
        centres: float32 ``(n, d)``.
        smallest: Halves of that many or fewer stay as they are.

    Returns:
        intp ``(n,)``: indices of the vectors in that order.
    """
    done: list[Indices] = []
    left = [np.arange(len(centres))]
    while left:
        some = left.pop()
        if len(some) <= max(1, smallest):
            done.append(some)
            continue
        values = centres[some].astype(np.float64)
        values -= values.mean(0)
        along = values @ _direction(values)
        ranked = some[np.argsort(along, kind="stable")]
        middle = len(ranked) // 2
        left += [ranked[middle:], ranked[:middle]]
    return np.concatenate(done) if done else np.zeros(0, np.intp)


def _direction(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The first principal component, about; a vector of length 1, or zeros."""
    # The row farthest out is not at right angles to it.
    farthest = int(np.argmax(np.einsum("nd,nd->n", values, values)))
    direction: NDArray[np.float64] = values[farthest].copy()
    for _ in range(_STEPS):
        length = float(np.linalg.norm(direction))
        if not length:
            return direction
        direction = values.T @ (values @ (direction / length))
    found: NDArray[np.float64] = direction / max(float(np.linalg.norm(direction)), 1e-300)
    return found
