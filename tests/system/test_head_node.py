"""The head of a cluster is lost with all that is on its machine, and comes back."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from jobs.engine.driver.verify import verify
from tests.command import environment
from tests.jobs.engine.outputs import finished_output, part_digests
from tests.system.drivers import driving
from tests.system.outputs import committed
from tests.system.processes import wait_until

_FILES = 200
_HANG_S = 200
_TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "known-to-all-nodes"}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextlib.contextmanager
def _head(port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A head with two CPUs; at the end nothing of it is left."""
    ray = Path(sys.executable).with_name("ray")
    # Paths of Unix sockets are limited to about 100 bytes, which pytest's folders use up.
    with (
        tempfile.TemporaryDirectory(
            prefix="ray-", dir="/tmp", ignore_cleanup_errors=True
        ) as folder,
        log.open("wb") as file,
    ):
        process = subprocess.Popen(
            [
                *(str(ray), "start", "--head", "--block", f"--port={port}", "--num-cpus=2"),
                *(f"--temp-dir={folder}", "--include-dashboard=false"),
            ],
            stdout=file,
            stderr=file,
            env={**environment(_TOKEN), "RAY_USAGE_STATS_ENABLED": "0"},
            start_new_session=True,
        )
        try:
            end = time.monotonic() + _HANG_S
            while b"Ray runtime started" not in log.read_bytes():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < end, log.read_text()
                time.sleep(0.1)
            yield process
        finally:
            _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL for all of it at once: the machine has lost its power."""
    with contextlib.suppress(psutil.NoSuchProcess):
        head = psutil.Process(process.pid)
        for member in [head, *head.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
    process.wait()


def test_job_goes_on_when_the_head_is_back(tmp_path: Path) -> None:
    undisturbed = finished_output(tmp_path, _FILES)
    output, port = tmp_path / "disturbed", _free_port()
    address = f"127.0.0.1:{port}"
    with contextlib.ExitStack() as stack:
        head = stack.enter_context(_head(port, tmp_path / "first.log"))
        pace = {"ray_address": address, "line_every_s": 0.5}
        job = driving(tmp_path / "in", output, delay_s=0.1, env=_TOKEN, **pace)
        process = stack.enter_context(job)
        wait_until(lambda: len(committed(output)) >= 2, process)
        _kill(head)
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        assert any(f"Ray at '{address}' has gone; waiting for it" in line for line in lines)
        before = committed(output)
        assert any(" 0 workers" in line for line in lines)  # it shows that it waits
        stack.enter_context(_head(port, tmp_path / "second.log"))
        _, errors = process.communicate(timeout=_HANG_S)
        assert process.returncode == 0, errors
    assert before < committed(output)
    assert part_digests(output) == part_digests(undisturbed)
    assert verify(str(output)) == []


@pytest.mark.slow
def test_job_ends_when_it_stays_away(tmp_path: Path) -> None:
    finished_output(tmp_path, _FILES)
    output, port = tmp_path / "disturbed", _free_port()
    with contextlib.ExitStack() as stack:
        head = stack.enter_context(_head(port, tmp_path / "head.log"))
        pace = {"ray_address": f"127.0.0.1:{port}", "head_timeout_s": 1.0}
        job = driving(tmp_path / "in", output, delay_s=0.1, env=_TOKEN, **pace)
        process = stack.enter_context(job)
        wait_until(lambda: len(committed(output)) >= 2, process)
        _kill(head)
        _, errors = process.communicate(timeout=_HANG_S)
    assert process.returncode == 1  # of the tests' own driver
    assert "has gone: run the same command again to go on" in errors.splitlines()[-1]
    assert verify(str(output)) != []  # unfinished, and readable
