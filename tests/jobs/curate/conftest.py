"""Fixtures of the tests of `curate`: shards run in this process, and inputs are made up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.engine.driver import working
from tests.jobs.curate.made_up import Curated
from tests.jobs.engine.retries import run_here


@pytest.fixture(autouse=True, scope="module")
def here() -> Iterator[None]:
    """Shards run in this process."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(working, "dispatched", run_here)
        yield


@pytest.fixture
def made(tmp_path: Path) -> Curated:
    """Folders for made-up faces, their vectors, and the verdicts on them."""
    for name in ("faiss", "scipy", "threadpoolctl"):
        pytest.importorskip(name)
    return Curated(tmp_path, tmp_path / "out")
