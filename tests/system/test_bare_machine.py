"""Machines as containers give them: no home, a user nobody knows, nothing that can be written."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from jobs.dataset import open_dataset
from tests.command import SCRIPT

_NOBODY_KNOWN = ("--user", "--map-user=12345", "--map-group=12345")
_READ_ONLY = """
for folder in /tmp /var/tmp /usr/tmp /dev/shm; do
    [ ! -d $folder ] || { mount --rbind $folder $folder && mount -o remount,ro,bind $folder; }
done
cd /proc && exec "$@"
"""


def _apart(*command: object, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs something in namespaces of its own, without variables but those given."""
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare here")
    done = subprocess.run(
        ["unshare", *map(str, command)],
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.stderr.startswith(("unshare:", "mount:")):
        pytest.skip(f"namespaces are not allowed here: {done.stderr.strip()}")
    return done


def test_a_user_that_nobody_knows_and_no_home(photos: Path, tmp_path: Path) -> None:
    command = ("extract", photos / "small", tmp_path / "out", "--workers", 1)
    done = _apart(*_NOBODY_KNOWN, SCRIPT, *command, env={})
    assert done.returncode == 0, done.stderr
    assert open_dataset(str(tmp_path / "out")).statuses["ok"] == 4


def test_models_without_a_home(photos: Path) -> None:
    listed = _apart(*_NOBODY_KNOWN, SCRIPT, "models", "list", env={})
    assert listed.returncode == 0, listed.stderr
    assert "original" in listed.stdout
    named = ("detect", photos / "small" / "0.jpg", "--weights", "mine")
    done = _apart(*_NOBODY_KNOWN, SCRIPT, *named, env={})
    assert (done.returncode, done.stdout) == (2, "")
    assert "no home folder to keep models in: set HOME, or MTCNN_RAY_MODELS" in done.stderr


@pytest.mark.parametrize(
    ("output", "cure"),
    [
        ("/tmp/nowhere", "make it writable"),
        ("{}/out", "set TMPDIR to one, and make room there"),
    ],
)
def test_a_machine_that_can_only_be_read(
    photos: Path, tmp_path: Path, output: str, cure: str
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    keep = f"mount -t tmpfs tmpfs {disk}\n"
    command = ("extract", photos, output.format(disk), "--workers", 1)
    done = _apart(
        *("--user", "--map-root-user", "--mount", "sh", "-ec", keep + _READ_ONLY, "sh"),
        *(SCRIPT, *command),
        env={"HOME": str(tmp_path / "nowhere")},
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert cure in done.stderr and len(done.stderr.splitlines()) == 1
