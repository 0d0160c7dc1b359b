"""Probabilities and their logits."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def logit(probability: float) -> float:
    """Returns the number whose :func:`sigmoid` is a probability in (0, 1)."""
    return math.log(probability / (1 - probability))


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the probabilities of logits; for the difference of two scores, their softmax."""
    return np.asarray(1 / (1 + np.exp(-logits)), np.float32)
