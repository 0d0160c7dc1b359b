"""Fixtures for all tests: shared data, a cache of their own, repeatable random numbers."""

import os
import secrets
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

DATA_VARIABLE = "MTCNN_RAY_TEST_DATA"
SEED_VARIABLE = "MTCNN_RAY_TEST_SEED"


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keeps the tests, and the processes they start, out of the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MTCNN_RAY_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of shared test photographs; tests that need it are skipped without it."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get(DATA_VARIABLE, default))
    if not folder.is_dir():
        pytest.skip(f"no test photographs in {folder}: set {DATA_VARIABLE} to their folder")
    return folder


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Random numbers, new in every run; the seed is printed with a failure."""
    seed = int(os.environ.get(SEED_VARIABLE) or secrets.randbits(32))
    print(f"random numbers: repeat them with {SEED_VARIABLE}={seed}")
    return np.random.default_rng([seed, zlib.crc32(request.node.nodeid.encode())])
