"""What two detectors find in the same photos, compared photo by photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mtcnn_core.evaluation.wider_face import Counts


@dataclass(frozen=True)
class Difference:
    """Average precision of two detectors, and how far the difference may be off.

    Attributes:
        before: Average precision of the first.
        after: Average precision of the second.
        low: Lower end of the interval of the difference.
        high: Its upper end.
    """

    before: float
    after: float
    low: float
    high: float

    @property
    def value(self) -> float:
        """How much better the second is."""
        return self.after - self.before

    @property
    def verdict(self) -> str:
        """Whether it is "better" or "worse", as far as the whole interval says so, or "equal"."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "equal"


def compare(
    before: Counts,
    after: Counts,
    *,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Difference:
    """Returns the difference with its interval over resampled photos (Efron, 1979), paired.

    In each draw both are judged by the same photos, so that what makes photos hard for both does
    not blur what tells them apart.

    Args:
        before: What each photo adds for the first detector.
        after: What each of the same photos adds for the second.
        resamples: How many draws.
        confidence: The share of the draws within the interval.
        seed: Start of the random numbers.

    Raises:
        ValueError: They are not of the same photos.
    """
    if before.photos != after.photos:
        raise ValueError("both have to be of the same photos")
    photos = len(before.faces)
    nothing = float("nan")
    if not before.faces.sum():
        return Difference(nothing, nothing, nothing, nothing)
    rng = np.random.default_rng(seed)
    differences = []
    for _ in range(resamples):
        weights = rng.multinomial(photos, np.full(photos, 1 / photos))
        if (weights * before.faces).sum():
            first, second = (each.curve(weights).average_precision for each in (before, after))
            differences.append(second - first)
    low, high = np.percentile(differences, [50 * (1 - confidence), 50 * (1 + confidence)])
    first, second = (each.curve().average_precision for each in (before, after))
    return Difference(first, second, float(low), float(high))
