"""Two drivers of one output: the second is refused, and one that was taken for dead stops."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from jobs.engine.driver.verify import verify
from jobs.engine.lease.claims import CLAIMS, Periods
from jobs.storage.storage import Storage
from tests.command import environment, mtcnn_ray
from tests.servers.object_store import ObjectStore
from tests.system.conftest import SHARDS
from tests.system.outputs import Finished, digests
from tests.system.processes import descendants, running, wait_until, wait_until_half_done

# The command, in a hurry: on a busy machine a holder must still get to renew its claim.
_COMMAND = """
import sys
from jobs.engine.lease import lease
from jobs.engine.lease.claims import Periods
lease.PERIODS = Periods(*map(float, sys.argv.pop(1).split(",")))
from jobs.cli import main
main()
"""
_FAST = Periods(renew_s=0.5, expiry_s=8.0, look_s=0.1)
_PATIENT = Periods(renew_s=0.5, expiry_s=3600.0, look_s=0.1)
_LIMIT_S = 200  # a hang, not a slow machine


@contextlib.contextmanager
def driver(periods: Periods, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """The command with these periods, started; at the end nothing of it is left."""
    numbers = f"{periods.renew_s},{periods.expiry_s},{periods.look_s}"
    process = subprocess.Popen(
        [sys.executable, "-c", _COMMAND, numbers, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            for member in [*descendants(process), psutil.Process(process.pid)]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.kill()
        process.communicate()


@contextlib.contextmanager
def idle_workers(process: subprocess.Popen[str]) -> Iterator[None]:
    """The workers of a driver are stopped for a while, so that its job cannot end meanwhile."""
    workers = [each for each in descendants(process) if "ray::" in " ".join(each.cmdline()[:1])]
    assert workers, "there are no workers"
    for worker in workers:
        worker.suspend()
    try:
        yield
    finally:
        for worker in workers:
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.resume()


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code, and what it said on standard error."""
    errors = process.communicate(timeout=_LIMIT_S)[1]
    return process.returncode, errors


def test_second_driver_on_a_disk_is_refused_and_changes_nothing(
    one_worker: Finished, photos: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    command = ("extract", photos, output, "--workers", 1, *SHARDS)
    with running(*command) as first:
        wait_until_half_done(output, first)
        with idle_workers(first):
            before = files(output)
            for second in (command, ("compact", output)):
                done = mtcnn_ray(*second)
                assert (done.returncode, done.stdout) == (3, "")
                (line,) = done.stderr.splitlines()
                assert f"another run (process {first.pid} on " in line
                assert "wait for it or use another output" in line
            assert files(output) == before
        code, errors = ended(first)
        assert code == 0, errors
    assert digests(output) == digests(one_worker.output)
    assert list((output / CLAIMS).iterdir()) == []


def files(output: Path) -> set[str]:
    """All files but those that are being written."""
    return {str(path) for path in output.rglob("*") if path.suffix != ".tmp"}


@pytest.fixture
def there(s3: ObjectStore, tmp_path: Path) -> tuple[str, Path]:
    """An output in an object store, and a config with its storage options."""
    return s3.folder(), s3.config(tmp_path / "config.yaml")


def test_drivers_on_an_object_store(
    s3: ObjectStore, there: tuple[str, Path], one_worker: Finished, photos: Path, tmp_path: Path
) -> None:
    output, config = there
    storage = Storage(output, s3.options)
    command = ("extract", photos, output, "--config", config, "--workers", 1, *SHARDS)
    with driver(_FAST, *command) as first:
        wait_until(lambda: len(storage.names("_job/commits")) >= 1, first)
        with idle_workers(first):
            claims = storage.names(CLAIMS)
            with driver(_FAST, *command) as second:
                code, errors = ended(second)
            assert code == 3, errors
            # It may have said before that it waits to see whether the first lives.
            assert f"another run (process {first.pid} on " in errors.splitlines()[-1]
            assert "is writing to" in errors.splitlines()[-1]
            assert storage.names(CLAIMS) == claims

            os.kill(first.pid, signal.SIGSTOP)  # as on a machine that sleeps
            with driver(_FAST, *command) as third:
                code, errors = ended(third)
            assert code == 0, errors
            assert "taken for dead" in errors
        os.kill(first.pid, signal.SIGCONT)
        code, errors = ended(first)
        assert code == 3, errors
        assert "has lost its hold on" in errors.splitlines()[-1]
    assert storage.names(CLAIMS) == []
    assert verify(output, s3.options) == []
    assert digests(s3.download(output, tmp_path / "copy")) == digests(one_worker.output)


@pytest.mark.slow  # the lease's own tests have it in the default run
def test_driver_that_was_killed_is_followed_at_once_on_an_object_store(
    s3: ObjectStore, there: tuple[str, Path], one_worker: Finished, photos: Path, tmp_path: Path
) -> None:
    output, config = there
    storage = Storage(output, s3.options)
    command = ("extract", photos, output, "--config", config, "--workers", 1, *SHARDS)
    with driver(_PATIENT, *command) as first:
        wait_until(lambda: len(storage.names("_job/commits")) >= 1, first)
        first.kill()
        first.wait()
        assert len(storage.names(CLAIMS)) == 1
        with driver(_PATIENT, *command) as second:
            code, errors = ended(second)
    assert (code, "waiting" in errors) == (0, False), errors
    assert storage.names(CLAIMS) == []
    assert digests(s3.download(output, tmp_path / "copy")) == digests(one_worker.output)
