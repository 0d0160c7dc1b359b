"""Servers to read from, and a package that is not there."""

import sys

import pytest
from fsspec.registry import _registry

from tests.servers.fixtures import any_store, azure, bad_http, gcs, object_store, s3

__all__ = ["any_store", "azure", "bad_http", "gcs", "object_store", "s3"]


@pytest.fixture
def no_gcsfs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hides gcsfs from fsspec, which keeps classes that it has imported before."""
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    monkeypatch.delitem(_registry, "gs", raising=False)
