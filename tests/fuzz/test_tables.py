"""The readers of manifests and Parquet files against damaged ones."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fuzz import tables


def hunt(count: int, rng: np.random.Generator) -> list[str]:
    seed = int(rng.integers(1 << 32))
    return [
        f"{each.kind}: {each.text}; python -m tests.fuzz.tables 1 {seed} {each.index}"
        for each in tables.hunt(count, seed=seed)
    ]


def test_damaged_tables_end_as_rows_or_a_sentence(rng: np.random.Generator) -> None:
    assert hunt(1_000, rng) == []


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_20_000_damaged_tables_end_as_rows_or_a_sentence(rng: np.random.Generator) -> None:
    assert hunt(20_000, rng) == []


def test_the_samples_are_sound() -> None:
    for sample in tables.samples():
        assert tables.check(sample.data) is None, sample.name
        assert b"".join(sample.split(sample.data)) == sample.data
