"""Many times of the same thing as a few numbers."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """Times in seconds, summarised.

    Attributes:
        median: The middle one, which one hiccup of the machine does not move.
        shortest: The shortest time.
        longest: The longest time.
        mean: Their sum over their number; means of parts add up, medians do not.
    """

    median: float
    shortest: float
    longest: float
    mean: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Spread:
        """Summarises at least one time.

        Raises:
            statistics.StatisticsError: There is none.
        """
        median = statistics.median(seconds)
        return cls(median, min(seconds), max(seconds), statistics.fmean(seconds))

    def as_json(self) -> dict[str, float]:
        """The times in milliseconds, as JSON values."""
        return {
            "median_ms": round(1e3 * self.median, 4),
            "min_ms": round(1e3 * self.shortest, 4),
            "max_ms": round(1e3 * self.longest, 4),
            "mean_ms": round(1e3 * self.mean, 4),
        }
