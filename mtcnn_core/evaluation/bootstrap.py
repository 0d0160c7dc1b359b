"""How far a figure may be off because the photos happened to be these."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mtcnn_core.evaluation.wider_face import Counts, curve_of

_AT_ONCE = 100


@dataclass(frozen=True)
class Interval:
    """From where to where a figure reaches.

    Attributes:
        low: NaN, as `high`, where there was nothing to be found.
        high: Its upper end.
    """

    low: float
    high: float


def interval(
    counts: Counts, *, resamples: int = 1000, confidence: float = 0.95, seed: int = 0
) -> Interval:
    """Returns the interval of the average precision over resampled photos (Efron, 1979).

    Photos are drawn as often as there are photos, with replacement: faces of one photo come and
    go together. Scores keep the range that they have over all photos. A draw without a face to be
    found is left out.

    Args:
        counts: What each photo adds.
        resamples: How many draws.
        confidence: The share of the draws within the interval.
        seed: Start of the random numbers; an equal seed gives an equal interval.
    """
    photos = len(counts.faces)
    if not counts.faces.sum():
        return Interval(float("nan"), float("nan"))
    rng = np.random.default_rng(seed)
    # As floats, because only those are multiplied by BLAS; all numbers are whole and below 2^53.
    proposals = counts.proposals.astype(np.float64)
    hits = counts.hits.astype(np.float64)
    precisions: list[float] = []
    for start in range(0, resamples, _AT_ONCE):
        draws = min(_AT_ONCE, resamples - start)
        weights = rng.multinomial(photos, np.full(photos, 1 / photos), size=draws)
        faces = weights @ counts.faces
        sums = zip(weights @ proposals, weights @ hits, faces, strict=True)
        precisions += [
            curve_of(
                some_proposals, some_hits, int(some_faces), counts.thresholds
            ).average_precision
            for some_proposals, some_hits, some_faces in sums
            if some_faces
        ]
    edges = [50 * (1 - confidence), 50 * (1 + confidence)]
    low, high = np.percentile(precisions, edges)
    return Interval(float(low), float(high))
