"""Ctrl-C and SIGTERM: an orderly end within seconds, which the same command resumes."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from jobs.engine.driver.verify import verify
from jobs.engine.settings import ShardSizes
from tests.command import mtcnn_ray
from tests.jobs.engine.outputs import part_digests, plan_folder, start_worker
from tests.jobs.engine.stand_in import make_folder
from tests.system.conftest import SHARDS
from tests.system.drivers import driving
from tests.system.outputs import Finished, committed, digests
from tests.system.processes import (
    descendants,
    is_unfinished,
    running,
    wait_until,
    wait_until_half_done,
)

_HANG_S = 100  # far more than it takes on a slow machine
_FILES = 200
_FOR_EVER_S = 1000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "in", _FILES)


def _ended(process: subprocess.Popen[str], family: list[psutil.Process]) -> str:
    """Waits for the end; what was printed on standard error."""
    _, errors = process.communicate(timeout=_HANG_S)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    _, alive = psutil.wait_procs(family, timeout=_HANG_S)
    assert not alive, "processes of Ray outlived the command"
    return errors


def _strays(output: Path) -> list[str]:
    return [path.name for path in output.rglob(".*")]


@pytest.mark.parametrize(
    "whole_group",
    [
        pytest.param(True, id="terminal"),
        pytest.param(False, id="kill", marks=pytest.mark.slow),
    ],
)
def test_interrupted_and_resumed(
    whole_group: bool, one_worker: Finished, photos: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    command = ("extract", photos, output, "--workers", 2, *SHARDS)
    with running(*command) as process:
        wait_until_half_done(output, process)
        family = descendants(process)
        # A terminal sends Ctrl-C to the whole foreground group.
        (os.killpg if whole_group else os.kill)(process.pid, signal.SIGINT)
        errors = _ended(process, family)
    assert is_unfinished(output), "it was interrupted too late to prove anything"
    assert "finishing the shards in hand" in errors
    assert "run the same command again to resume" in errors.splitlines()[-1]
    assert mtcnn_ray(*command).returncode == 0
    assert digests(output) == digests(one_worker.output)


@pytest.mark.parametrize(
    ("send", "number"),
    [(os.killpg, signal.SIGINT), (os.kill, signal.SIGTERM)],
    ids=["terminal", "kill"],
)
def test_shards_in_hand_are_committed(
    send: Callable[[int, int], None], number: signal.Signals, folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    sizes = {"first": 25, "step": 1000}
    pace = {"workers": 2, "grace_s": 60.0, "shards": sizes}
    with driving(folder, output, delay_s=0.1, **pace) as process:
        # Both workers are in the middle of their second shard then, and have a third.
        wait_until(lambda: len(committed(output)) >= 2, process)
        time.sleep(1)
        family, before = descendants(process), committed(output)
        send(process.pid, number)
        _ended(process, family)
    assert len(committed(output) - before) == 2
    assert _strays(output) == []
    with driving(folder, output, **pace) as process:
        assert process.wait(_HANG_S) == 0
    plan = plan_folder(tmp_path / "undisturbed", folder, ShardSizes(**sizes))
    worker = start_worker(tmp_path / "undisturbed")
    for spec in plan.shards():
        worker.run(spec)
    assert part_digests(output) == part_digests(tmp_path / "undisturbed")
    assert verify(str(output)) == []


def _hanging(process: subprocess.Popen[str], output: Path) -> list[psutil.Process]:
    """Waits until a worker has a shard in hand; all processes of the run."""

    def working() -> bool:
        names = [_name(child) for child in descendants(process)]
        return any(name.startswith("ray::") and name.endswith(".run") for name in names)

    wait_until(working, process)
    return descendants(process)


def _name(process: psutil.Process) -> str:
    """What it calls itself; nothing if it has just ended."""
    try:
        return " ".join(process.cmdline()[:1])
    except psutil.NoSuchProcess:
        return ""


def test_grace_runs_out_for_a_worker_that_hangs(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    with driving(folder, output, delay_s=_FOR_EVER_S, workers=1, grace_s=1.0) as process:
        family = _hanging(process, output)
        process.terminate()
        _ended(process, family)
    assert _strays(output) == []
    assert committed(output) == set()


def test_second_signal_does_not_wait(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    pace = {"workers": 1, "grace_s": float(_FOR_EVER_S)}
    with driving(folder, output, delay_s=_FOR_EVER_S, **pace) as process:
        family = _hanging(process, output)
        process.terminate()
        assert process.stderr is not None
        while "once more to stop at once" not in process.stderr.readline():
            assert process.poll() is None
        process.terminate()
        _ended(process, family)
    assert part_digests(output) == {}


@pytest.mark.parametrize("stuck", ["python", "native"])
def test_interrupted_while_planning(stuck: str, folder: Path, tmp_path: Path) -> None:
    with driving(folder, tmp_path / "out", stuck=stuck) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "stuck\n"
        process.terminate()
        _ended(process, [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_while_ray_starts(number: signal.Signals, photos: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    with running("extract", photos, output, "--workers", 1, *SHARDS) as process:
        wait_until(lambda: any("raylet" in child.name() for child in descendants(process)), process)
        family = descendants(process)
        process.send_signal(number)
        errors = _ended(process, family)
    assert "run the same command again to resume" in errors.splitlines()[-1]
