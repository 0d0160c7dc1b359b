"""Random numbers that depend on a face and an epoch alone, whoever asks, and in which order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STEP = np.uint64(0x9E3779B97F4A7C15)


def uniform(places: NDArray[np.int64], seed: int, epoch: int, count: int) -> NDArray[np.float64]:
    """Returns numbers from 0 to 1 for each face.

    Those of the generator SplitMix64 (Steele et al., 2014), each face with a state of its own.

    Args:
        places: int64 ``(n,)``: the faces.
        seed: Another one has other numbers.
        epoch: Likewise.
        count: Numbers for each face.

    Returns:
        float64 ``(n, count)``.
    """
    whole = mixed(np.array([seed], np.uint64))
    whole = mixed(whole ^ np.uint64(epoch))
    states = mixed(whole ^ places.astype(np.uint64))
    with np.errstate(over="ignore"):
        steps = np.arange(1, count + 1, dtype=np.uint64) * _STEP
        values = mixed(states[:, None] + steps)
    drawn: NDArray[np.float64] = (values >> np.uint64(11)).astype(np.float64) / 2.0**53
    return drawn


def mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Returns each number with its bits mixed."""
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    found: NDArray[np.uint64] = values ^ (values >> np.uint64(31))
    return found
