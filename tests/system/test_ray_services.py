"""Ray that a job starts itself is shut to others: loopback only, and a token of this run."""

from __future__ import annotations

import ipaddress
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import ray
from ray import _raylet

from jobs.engine.settings import RunSettings
from jobs.engine.workers.cluster import connect
from tests.command import environment

_HANG_S = 200
_KNOCK = """
import sys
from ray._raylet import GcsClient
head = GcsClient(address=sys.argv[1])
head.internal_kv_put(b"key", b"value", True, b"namespace", timeout=10)
print("let in")
"""
needs_tokens = pytest.mark.skipif(
    not hasattr(_raylet, "AuthenticationTokenLoader"), reason="this Ray knows no tokens"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder of this job, without a token in it."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def started(home: Path) -> Iterator[str]:
    """Ray, started as a job does, with a worker: its address."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.delenv("RAY_AUTH_MODE", raising=False)
        with connect(RunSettings(workers=1)):
            assert ray.get(ray.remote(lambda: 7).remote()) == 7
            yield ray.get_runtime_context().gcs_address


def _knock(address: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Somebody else on this machine who tries to join, with some variables set."""
    kept = {name: value for name, value in environment().items() if "AUTH" not in name}
    return subprocess.run(
        [sys.executable, "-c", _KNOCK, address],
        env={**kept, **variables},
        capture_output=True,
        text=True,
        timeout=_HANG_S,
        check=False,
    )


def _listening() -> list[tuple[str, str, str]]:
    """Name, address and command line of every process of Ray's that listens, this one included."""
    driver = psutil.Process()
    return [
        (process.name(), connection.laddr.ip, " ".join(process.cmdline()))
        for process in [driver, *driver.children(recursive=True)]
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]


def test_all_sockets_are_on_loopback(started: str) -> None:
    listening = _listening()
    assert len(listening) >= 4  # the head, the node, a worker, the driver
    for name, ip, _ in listening:
        address = ipaddress.ip_address(ip)
        plain = getattr(address, "ipv4_mapped", None) or address
        assert plain.is_loopback, f"{name} listens on {ip}"


def test_no_dashboard(started: str) -> None:
    assert [name for name, _, command in _listening() if "dashboard.py" in command] == []


@needs_tokens
@pytest.mark.parametrize(
    "variables",
    [{}, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "guessed"}],
    ids=["without a token", "with another token"],
)
def test_a_stranger_is_refused(started: str, variables: dict[str, str]) -> None:
    done = _knock(started, **variables)
    assert "let in" not in done.stdout
    assert "Unauthenticated" in done.stderr or "InvalidAuthToken" in done.stderr, done.stderr


@needs_tokens
def test_whoever_has_the_token_is_let_in(started: str) -> None:
    """The door is locked, not walled up: else the test above would prove nothing."""
    token = os.environ["RAY_AUTH_TOKEN"]
    done = _knock(started, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=token)
    assert "let in" in done.stdout, done.stderr


@needs_tokens
def test_token_is_not_kept(started: str, home: Path) -> None:
    assert [path for path in home.rglob("*") if path.is_file()] == []
