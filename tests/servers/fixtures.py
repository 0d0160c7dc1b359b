"""The servers as fixtures, one of each for all tests of a session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.azure import azure_store
from tests.servers.bad_http import BadServer, bad_server
from tests.servers.gcs import gcs_store
from tests.servers.object_store import ObjectStore
from tests.servers.s3 import s3_store


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """S3, at a moto server."""
    with s3_store(tmp_path_factory.mktemp("s3")) as store:
        yield store


@pytest.fixture(scope="session")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """Azure Blob Storage, at Azurite."""
    with azure_store(tmp_path_factory.mktemp("azure")) as store:
        yield store


@pytest.fixture(scope="session")
def gcs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """Google Cloud Storage, at fake-gcs-server."""
    with gcs_store(tmp_path_factory.mktemp("gcs")) as store:
        yield store


@pytest.fixture(params=["s3", "azure"])
def object_store(request: pytest.FixtureRequest) -> ObjectStore:
    """Each of the object stores in turn."""
    store = request.getfixturevalue(request.param)
    assert isinstance(store, ObjectStore)
    return store


@pytest.fixture(params=["s3", "gcs", "azure"])
def any_store(request: pytest.FixtureRequest) -> ObjectStore:
    """Each of the object stores in turn, also the one that lets everybody in."""
    store = request.getfixturevalue(request.param)
    assert isinstance(store, ObjectStore)
    return store


@pytest.fixture
def bad_http() -> Iterator[BadServer]:
    """A web server that does what a test tells it to, path by path."""
    with bad_server() as server:
        yield server
