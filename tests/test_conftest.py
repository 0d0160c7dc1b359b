"""The seeds of random numbers."""

from __future__ import annotations

import pytest

from tests.conftest import SEED_VARIABLE, seed_of


def test_seeds_are_fixed_but_in_the_slow_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SEED_VARIABLE, raising=False)
    assert len({seed_of(is_slow=False) for _ in range(5)}) == 1
    assert len({seed_of(is_slow=True) for _ in range(5)}) == 5


@pytest.mark.parametrize("is_slow", [False, True])
def test_the_variable_has_the_last_word(monkeypatch: pytest.MonkeyPatch, is_slow: bool) -> None:
    monkeypatch.setenv(SEED_VARIABLE, "77")
    assert seed_of(is_slow=is_slow) == 77
