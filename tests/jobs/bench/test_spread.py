"""Times as a few numbers."""

from __future__ import annotations

from jobs.bench.spread import Spread


def test_the_numbers_are_those_of_the_times() -> None:
    assert Spread.of([0.4, 0.1, 0.3, 0.2, 4.0]) == Spread(
        median=0.3, shortest=0.1, longest=4.0, mean=1.0
    )


def test_json_is_in_milliseconds() -> None:
    assert Spread(0.25, 0.125, 2.0, 0.5).as_json() == {
        "median_ms": 250.0,
        "min_ms": 125.0,
        "max_ms": 2000.0,
        "mean_ms": 500.0,
    }
