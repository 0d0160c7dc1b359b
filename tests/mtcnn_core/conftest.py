"""Fixtures of the tests of image files."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def odd(data_dir: Path) -> Path:
    """The folder of strange image files; tests that need it are skipped without it."""
    folder = data_dir / "odd"
    if not folder.is_dir():
        pytest.skip(f"no strange files: {folder} is missing")
    return folder


@pytest.fixture
def escaped_warnings() -> Iterator[list[warnings.WarningMessage]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield caught
