"""Running again: nothing for a finished job, only what is new for a grown input."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.command import mtcnn_ray
from tests.system.conftest import SHARDS
from tests.system.outputs import Finished, everything, rows

# Nobody listens there: a run that needed Ray would end with an error.
_NO_RAY = {"RAY_ADDRESS": "127.0.0.1:1"}


@pytest.fixture
def copied(one_worker: Finished, tmp_path: Path) -> Path:
    """A finished output of one's own."""
    shutil.copytree(one_worker.output, tmp_path / "out", copy_function=shutil.copy2)
    return tmp_path / "out"


def test_a_finished_job_is_left_alone(one_worker: Finished, photos: Path) -> None:
    before = everything(one_worker.output)
    again = mtcnn_ray("extract", photos, one_worker.output, *SHARDS, env=_NO_RAY)
    assert (again.returncode, again.stderr) == (0, "")
    assert "nothing was left to do" in again.stdout
    assert everything(one_worker.output) == before


def test_an_unfinished_job_would_have_needed_ray(copied: Path, photos: Path) -> None:
    next((copied / "_job" / "commits").iterdir()).unlink()
    again = mtcnn_ray("extract", photos, copied, *SHARDS, env=_NO_RAY)
    assert again.returncode == 3 and "no Ray cluster" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (["--set", "crop.size=112"], "crop.size"),
        (["--min-face", "40"], "detect.min_face"),
        (["--config", "arcface112"], "crop.mode"),
        (["--set", "run.shards.first=4"], "run.shards.first"),
    ],
)
def test_another_config_is_refused_by_field(
    one_worker: Finished, photos: Path, arguments: list[str], field: str
) -> None:
    before = everything(one_worker.output)
    again = mtcnn_ray("extract", photos, one_worker.output, *SHARDS, *arguments, env=_NO_RAY)
    assert (again.returncode, again.stdout) == (2, "")
    assert len(again.stderr.splitlines()) == 1
    assert f"{field} (was " in again.stderr
    assert everything(one_worker.output) == before


def test_settings_that_do_not_change_the_rows_are_no_other_config(
    one_worker: Finished, photos: Path
) -> None:
    again = mtcnn_ray(
        "extract",
        photos,
        one_worker.output,
        *SHARDS,
        *("--workers", 7, "--set", "input.threads=9", "--set", "run.line_every_s=1"),
        env=_NO_RAY,
    )
    assert again.returncode == 0, again.stderr


def test_only_new_photos_are_processed(
    copied: Path, photos: Path, one_worker: Finished, tmp_path: Path
) -> None:
    grown = tmp_path / "photos"
    shutil.copytree(photos, grown, copy_function=shutil.copy2)
    shutil.copy(photos / "plain" / "0.jpg", grown / "another.jpg")
    before = {
        path: stat
        for path, stat in everything(copied).items()
        if path.endswith(".parquet") or path.startswith("_job/commits/")
    }
    again = mtcnn_ray("extract", grown, copied, "--workers", 1, *SHARDS)
    assert again.returncode == 0, again.stderr
    after = everything(copied)
    assert {path: after[path] for path in before} == before
    added = [row["key"] for row in rows(copied, "images")[len(one_worker.rows("images")) :]]
    assert added == ["another.jpg"]
    assert sorted(path.name for path in (copied / "images").iterdir())[-1].startswith("part-001-")
    assert (copied / "_SUCCESS").exists()
    assert mtcnn_ray("verify", copied).returncode == 0


def test_verify_names_the_damaged_file(copied: Path) -> None:
    part = sorted((copied / "faces").iterdir())[3]
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data)
    done = mtcnn_ray("verify", copied)
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    assert f"faces/{part.name}" in line
