"""How often samples of faces of each size are learned from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.samples.samples import PART, POSITIVE, Samples

# Sides in pixels between which faces are of one size: octaves.
_EDGES = (16, 32, 64, 128, 256, 512)


def size_weights(samples: Samples, exponent: float) -> NDArray[np.float64]:
    """Returns how often each sample should come, relative to the others.

    Positives and parts of sizes that there are few of come more often, and together as often as
    before; all others are left alone.

    Args:
        samples: The samples.
        exponent: 0 leaves all alone, 1 makes all sizes equally frequent.

    Returns:
        float64 ``(n,)``.
    """
    weights = np.ones(len(samples))
    on = (samples.kinds == POSITIVE) | (samples.kinds == PART)
    if exponent == 0 or not on.any():
        return weights
    sizes = np.searchsorted(_EDGES, np.nan_to_num(samples.sizes[on]), side="right")
    counts = np.bincount(sizes, minlength=len(_EDGES) + 1)
    rare = counts[sizes].astype(np.float64) ** -exponent
    weights[on] = rare * on.sum() / rare.sum()
    return weights
