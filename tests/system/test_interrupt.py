"""Ctrl-C: an orderly end that the same command resumes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.command import mtcnn_ray
from tests.system.conftest import SHARDS
from tests.system.outputs import Finished, digests
from tests.system.processes import (
    descendants,
    is_unfinished,
    running,
    wait_until,
    wait_until_half_done,
)


@pytest.mark.parametrize("whole_group", [True, False], ids=["terminal", "kill"])
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
        printed, errors = process.communicate(timeout=100)
        assert process.returncode == 130, errors
        _, alive = psutil.wait_procs(family, timeout=60)
        assert not alive, "processes of Ray outlived the command"
    assert is_unfinished(output), "it was interrupted too late to prove anything"
    assert printed == ""
    assert "Traceback" not in errors
    assert "run the same command again to resume" in errors.splitlines()[-1]
    assert mtcnn_ray(*command).returncode == 0
    assert digests(output) == digests(one_worker.output)


def test_interrupted_while_ray_starts(photos: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    with running("extract", photos, output, "--workers", 1, *SHARDS) as process:
        wait_until(lambda: any("raylet" in child.name() for child in descendants(process)), process)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=100)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
