from __future__ import annotations

from collections.abc import Iterator

import pytest

from jobs.engine.driver import working
from tests.jobs.engine.retries import run_here


@pytest.fixture(scope="module", autouse=True)
def here() -> Iterator[None]:
    """Shards are worked on in this process, without Ray."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(working, "dispatched", run_here)
        yield
