"""A cluster that is to be joined answers, or it is said within seconds why it cannot be joined."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from ray import _raylet
from ray._private import services

from jobs.engine.settings import RunSettings
from jobs.engine.workers import joining
from jobs.engine.workers.cluster import connect
from jobs.engine.workers.joining import located, reach
from jobs.messages.errors import NotNowError, UserError

_NOTHING = "127.0.0.1:1"
needs_tokens = pytest.mark.skipif(
    not hasattr(_raylet, "AuthenticationTokenLoader"), reason="this Ray knows no tokens"
)


@pytest.fixture
def noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that says where a cluster was that was started on this machine and ended."""
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.setattr(services, "find_gcs_addresses", set)  # whatever else runs here
    (tmp_path / "ray").mkdir()
    file = tmp_path / "ray" / "ray_current_cluster"
    file.write_text(_NOTHING)
    return file


@pytest.mark.parametrize("address", [_NOTHING, "[::1]:1", "there.is.none.invalid:6379"])
def test_nobody_listens(address: str) -> None:
    with pytest.raises(NotNowError, match="there is no Ray cluster at"):
        located(address)


def test_somebody_listens_and_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "_ANSWER_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(NotNowError, match="there is no Ray cluster at"):
            located(address)


def test_a_cluster_that_was_started_here_and_has_ended(noted: Path) -> None:
    with pytest.raises(NotNowError, match="there is no Ray cluster at 'auto'"):
        located("auto")


def test_none_was_ever_started_here(noted: Path) -> None:
    noted.unlink()
    with pytest.raises(NotNowError, match="there is no Ray cluster at 'auto'"):
        located("auto")


@pytest.mark.parametrize("address", ["http://head:8265", "head", "head:port", "head:99999", ":1"])
def test_no_address(address: str) -> None:
    with pytest.raises(UserError, match="is no address of a Ray cluster: give host:port") as found:
        located(address)
    assert not isinstance(found.value, NotNowError)


def test_ray_client() -> None:
    with pytest.raises(UserError, match="Ray Client is not supported, as in 'ray://head:10001'"):
        located("ray://head:10001")


def test_nothing_is_asked_where_ray_is_started_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(joining, "located", pytest.fail)
    reach(RunSettings())


@pytest.fixture(scope="module")
def running() -> Iterator[str]:
    """The address of a Ray on this machine, which asks for a token of this process's."""
    with connect(RunSettings(workers=1)):
        yield ray.get_runtime_context().gcs_address


def test_it_answers(running: str) -> None:
    assert located(running) == running


def test_it_runs_here_though_another_is_noted(
    running: str, noted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "find_gcs_addresses", lambda: {running})
    assert located("auto") == running


def test_the_one_that_is_noted_comes_first(
    running: str, noted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted.write_text(running)
    monkeypatch.setattr(services, "find_gcs_addresses", lambda: {"127.0.0.1:2"})
    assert located("auto") == running


@needs_tokens
def test_it_asks_for_a_token(running: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "another")
    with pytest.raises(UserError, match="asks for its token: set RAY_AUTH_MODE=token"):
        located(running)
