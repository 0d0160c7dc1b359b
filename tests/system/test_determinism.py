"""Same input and config, same bytes: whoever worked, and whatever died meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest

from tests.command import mtcnn_ray
from tests.system.conftest import SHARDS
from tests.system.outputs import Finished, commits, committed, digests, planned, rows
from tests.system.processes import (
    is_unfinished,
    kill_a_worker,
    kill_all,
    kill_driver,
    running,
    wait_until,
    wait_until_half_done,
)


def _assert_same(output: Path, expected: Finished) -> None:
    assert digests(output) == digests(expected.output)
    verified = mtcnn_ray("verify", output)
    assert verified.returncode == 0, verified.stdout


def test_one_worker_makes_all_of_it(one_worker: Finished, photos: Path) -> None:
    assert one_worker.done.returncode == 0, one_worker.done.stderr
    assert planned(one_worker.output) == len(committed(one_worker.output)) == 11
    files = sorted(str(file.relative_to(photos)) for file in photos.rglob("*.jpg"))
    assert [row["key"] for row in one_worker.rows("images")] == files
    assert len(one_worker.rows("faces")) > 15
    assert len(digests(one_worker.output)) == 22
    assert mtcnn_ray("verify", one_worker.output).returncode == 0


def test_two_workers_write_the_same_bytes(
    one_worker: Finished, photos: Path, tmp_path: Path
) -> None:
    done = mtcnn_ray("extract", photos, tmp_path / "out", "--workers", 2, *SHARDS)
    assert done.returncode == 0, done.stderr
    _assert_same(tmp_path / "out", one_worker)


@pytest.mark.parametrize("kill", [kill_driver, kill_all])
def test_killed_and_resumed(
    kill: Callable[[Popen[str]], None], one_worker: Finished, photos: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    command = ("extract", photos, output, "--workers", 2, *SHARDS)
    with running(*command) as process:
        wait_until_half_done(output, process)
        kill(process)
    assert is_unfinished(output), "it was killed too late to prove anything"
    assert not (output / "_SUCCESS").exists()
    before = {
        shard: (output / "_job/commits" / f"{shard}.json").stat() for shard in committed(output)
    }
    resumed = mtcnn_ray(*command)
    assert resumed.returncode == 0, resumed.stderr
    _assert_same(output, one_worker)
    for shard, stat in before.items():
        now = (output / "_job/commits" / f"{shard}.json").stat()
        assert (now.st_ino, now.st_mtime_ns) == (stat.st_ino, stat.st_mtime_ns), shard


def test_what_a_killed_job_left_is_whole(
    photos: Path, one_worker: Finished, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    with running("extract", photos, output, "--workers", 2, *SHARDS) as process:
        wait_until_half_done(output, process)
        kill_all(process)
    whole = digests(one_worker.output)
    for shard in committed(output):
        for name in ("images", "faces"):
            part = f"{name}/part-{shard}.parquet"
            assert digests(output)[part] == whole[part]
    # Parts without a commit may be there; what is there can be read.
    rows(output, "images")
    status = mtcnn_ray("status", output)
    assert status.returncode == 0 and "left" in status.stdout
    unfinished = mtcnn_ray("verify", output)
    assert unfinished.returncode == 1 and "not done yet" in unfinished.stdout


def test_a_killed_worker_costs_nothing(one_worker: Finished, photos: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    with running("extract", photos, output, "--workers", 2, *SHARDS) as process:
        wait_until_half_done(output, process)
        wait_until(lambda: kill_a_worker(process), process)
        printed, errors = process.communicate(timeout=200)
        assert process.returncode == 0, errors
    assert max(commit["attempts"] for commit in commits(output)) > 1
    assert "crashed" not in printed
    _assert_same(output, one_worker)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_killed_again_and_again(
    seed: int, one_worker: Finished, photos: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    command = ("extract", photos, output, "--workers", 1 + seed % 2, *SHARDS)
    for wanted in (seed % 3, 3 + seed, 8):
        with running(*command) as process:
            wait_until(lambda wanted=wanted: len(committed(output)) >= wanted, process)  # type: ignore[misc]
            (kill_all if seed % 2 else kill_driver)(process)
    assert mtcnn_ray(*command).returncode == 0
    _assert_same(output, one_worker)
