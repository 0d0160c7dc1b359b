"""A disk without room: refused before it is full, and unhurt when it is."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobs.engine.driver.preview import preview
from jobs.engine.settings import RunSettings
from jobs.messages.errors import OutputError
from tests.command import mtcnn_ray
from tests.jobs.engine.outputs import IDENTITY
from tests.jobs.engine.stand_in import list_folder, make_folder
from tests.system.conftest import SHARDS
from tests.system.outputs import Finished, committed, digests

_NO_CHECK = ("--set", "run.min_free_bytes=0")


def mount(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["mount", *map(str, arguments)], capture_output=True, text=True, check=False
    )


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[tuple[Path, Callable[[int], None]]]:
    """A small disk of its own, and what gives it another size."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        done = mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", folder)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if done.returncode:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")

    def resize(size: int) -> None:
        assert mount("-o", f"remount,size={size}", folder).returncode == 0

    try:
        yield folder, resize
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def occupied(folder: Path) -> int:
    """Bytes of a disk that its files take."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*"))


def test_little_room_is_refused_before_anything_is_written(
    disk: tuple[Path, Callable[[int], None]], photos: Path
) -> None:
    folder, _ = disk
    done = mtcnn_ray("extract", photos, folder / "out", *SHARDS, env={"RAY_ADDRESS": "nowhere:1"})
    assert (done.returncode, done.stdout) == (3, "")
    (line,) = done.stderr.splitlines()
    assert f"0 MB free in '{folder}" in line and "make space there" in line
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("pages", [1, 2, 5])
def test_plan_that_does_not_fit_is_one_sentence(
    disk: tuple[Path, Callable[[int], None]], tmp_path: Path, pages: int
) -> None:
    folder, resize = disk
    resize(pages * 4096)
    source, output = make_folder(tmp_path / "in", 3000), str(folder / "out")
    settings = RunSettings(min_free_bytes=0)
    with pytest.raises(OutputError, match=r"No space left on device.*: make space and run the sam"):
        preview(list_folder(source), output, settings, IDENTITY, store=True)
    assert not list(folder.rglob("*.parquet")) and not list(folder.rglob("*.tmp"))
    resize(64 << 20)
    again = preview(list_folder(source), output, settings, IDENTITY, store=True)
    assert again.items == 3000


def test_full_disk_ends_the_run_and_room_lets_it_go_on(
    disk: tuple[Path, Callable[[int], None]], photos: Path, one_worker: Finished
) -> None:
    folder, resize = disk
    output = folder / "out"
    command = ("extract", photos, output, "--workers", 2, *SHARDS, *_NO_CHECK)
    resize(occupied(one_worker.output) // 2)
    done = mtcnn_ray(*command)
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert "Traceback" not in done.stderr
    assert "No space left on device): make space and run the same" in done.stderr.splitlines()[-1]
    assert 0 < len(committed(output)) < len(committed(one_worker.output))
    # What is committed is whole: all that there is to say is what is not done yet.
    problems = mtcnn_ray("verify", output).stdout.splitlines()
    assert [line for line in problems if "not done yet" not in line] == []

    resize(64 << 20)
    again = mtcnn_ray(*command)
    assert again.returncode == 0, again.stderr
    assert digests(output) == digests(one_worker.output)
    assert mtcnn_ray("verify", output).returncode == 0
    assert not [path for path in output.rglob("*.tmp")]
