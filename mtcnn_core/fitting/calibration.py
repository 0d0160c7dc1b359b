"""Scores that mean what they meant: as many crops pass a threshold as before."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.weights.arrays import Arrays

# Slopes beyond that are not of a change of scale, but of too few samples.
_FLATTEST, _STEEPEST = 0.25, 4.0
_LEAST = 100


def calibrated(
    arrays: Arrays,
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    scores: Sequence[float],
) -> Arrays:
    """Returns weights whose logits are scaled and shifted.

    Thresholds are settings of the detector: with these weights each of the given ones lets as many
    of the crops through as it did with those before, so that the cost stays, and what is compared
    is which crops these are. The order of the crops does not change.

    Args:
        arrays: Weights of a network.
        before: ``(n,)``: logits of the network that is replaced, of the crops that it is shown.
        after: ``(n,)``: logits of this one, of the same.
        scores: Scores in (0, 1) that are matched, one or two.
    """
    if len(before) < _LEAST or not scores:
        return arrays
    limits = [math.log(score / (1 - score)) for score in scores]
    now = [float(np.quantile(after, (before < limit).mean())) for limit in limits]
    slope = 1.0
    if len(limits) > 1 and now[-1] > now[0]:
        slope = (limits[-1] - limits[0]) / (now[-1] - now[0])
        slope = min(max(slope, _FLATTEST), _STEEPEST)
    return _scaled(arrays, slope, limits[-1] - slope * now[-1])


def _scaled(arrays: Arrays, slope: float, shift: float) -> Arrays:
    """Weights whose logit, the second class score less the first, is another one."""
    weight, bias = arrays["score.weight"], arrays["score.bias"]
    half = (weight[1] - weight[0]) * np.float32(slope / 2)
    middle = np.float32((float(bias[1] - bias[0]) * slope + shift) / 2)
    return {
        **arrays,
        "score.weight": np.stack([-half, half]),
        "score.bias": np.array([-middle, middle], np.float32),
    }
