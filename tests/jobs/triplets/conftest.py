"""Shards run in this process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jobs.engine.driver import working
from tests.jobs.engine.retries import run_here


@pytest.fixture(autouse=True, scope="module")
def here() -> Iterator[None]:
    """Shards run in this process."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(working, "dispatched", run_here)
        yield
