"""Azure Blob Storage: Azurite, in a process of its own."""

from __future__ import annotations

import base64
import contextlib
import importlib.util
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest

from tests.servers.object_store import ObjectStore
from tests.servers.process import free_port, served

_VERSION = "3.35.0"
_INSTALLS_IN_S = 300
_ACCOUNT = "photographer"


@contextlib.contextmanager
def azure_store(folder: Path) -> Iterator[ObjectStore]:
    """A container, and the key of its account."""
    if importlib.util.find_spec("adlfs") is None:
        pytest.skip("adlfs is not installed: pip install 'mtcnn-ray[test]'")
    command = _azurite()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    key, wrong = (base64.b64encode(secrets.token_bytes(64)).decode() for _ in range(2))
    arguments = [
        *("--blobHost", "127.0.0.1", "--blobPort", str(port)),
        *("--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"),
        *("--loose", "--silent"),
    ]
    accounts = {"AZURITE_ACCOUNTS": f"{_ACCOUNT}:{key}"}
    with served([*command, *arguments], port, folder / "azurite.log", accounts):
        store = ObjectStore(
            bucket="abfs://photos",
            options=_options(url, key),
            wrong=_options(url, wrong),
            secrets=(key, wrong),
            env={"AZURE_STORAGE_CONNECTION_STRING": _options(url, key)["connection_string"]},
        )
        store.filesystem().mkdir("photos")
        yield store


def _options(url: str, key: str) -> dict[str, str]:
    account = f"AccountName={_ACCOUNT};AccountKey={key};BlobEndpoint={url}/{_ACCOUNT};"
    return {"connection_string": f"DefaultEndpointsProtocol=http;{account}"}


def _azurite() -> list[str]:
    """The program, installed once for this user; the test is skipped where that is not possible."""
    if (installed := shutil.which("azurite-blob")) is not None:
        return [installed]
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Azurite needs Node.js: install node and npm, or azurite itself")
    home = platformdirs.user_cache_path("mtcnn-ray-tests") / f"azurite-{_VERSION}"
    if not home.is_dir():
        _install(npm, home)
    return [node, str(home / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js")]


def _install(npm: str, home: Path) -> None:
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".azurite-", dir=home.parent) as building:
        command = [npm, "install", "--no-audit", "--no-fund", "--prefix", building]
        try:
            done = subprocess.run(
                [*command, f"azurite@{_VERSION}"],
                capture_output=True,
                text=True,
                timeout=_INSTALLS_IN_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            pytest.skip("npm does not get hold of Azurite: install it with npm install -g azurite")
        if done.returncode:
            pytest.skip(f"npm cannot install Azurite: {done.stderr.strip().splitlines()[-1:]}")
        with contextlib.suppress(FileExistsError):
            os.rename(building, home)
            os.mkdir(building)  # which the block wants to remove
