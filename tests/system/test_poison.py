"""Photos that kill, stop or fill a worker: each is one row, and its neighbours are there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.command import environment, mtcnn_ray
from tests.system.outputs import rows
from tests.system.poison import DEEDS

FATAL = sorted(set(DEEDS) - {"bug"})
LIMITS = (
    *("--workers", 2, "--set", "run.shards.first=4", "--set", "run.item_timeout_s=4"),
    *("--set", f"run.kill_worker_bytes={1200 << 20}"),
)


def extract(source: Path, output: Path) -> subprocess.CompletedProcess[str]:
    """Runs the command with the poisoned decoder."""
    command = [sys.executable, "-m", "tests.system.poison", "extract", source, output, *LIMITS]
    return subprocess.run(
        [*map(str, command), "--set", "run.max_failed_fraction=1"],
        env=environment({"PYTHONPATH": os.pathsep.join(sys.path)}),
        capture_output=True,
        text=True,
        timeout=280,
    )


def put(photo: Path, folder: Path, names: list[str]) -> Path:
    folder.mkdir()
    for name in names:
        shutil.copy(photo, folder / f"{name}.jpg")
    return folder


@pytest.fixture(scope="module")
def photo(photos: Path) -> Path:
    return photos / "small" / "0.jpg"


@pytest.fixture(scope="module")
def poisoned(photo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every poison, in one shard with harmless photos before, between and after."""
    names = [name for number, deed in enumerate(FATAL) for name in (f"a{number}", deed)]
    return put(photo, tmp_path_factory.mktemp("poisoned") / "in", [*names, "z"])


@pytest.fixture(scope="module")
def output(poisoned: Path) -> Path:
    output = poisoned.parent / "out"
    done = extract(poisoned, output)
    assert done.returncode == 0, done.stderr
    return output


@pytest.mark.parametrize("deed", FATAL)
def test_poison_is_one_row_that_says_so(output: Path, deed: str) -> None:
    [row] = [row for row in rows(output, "images") if row["key"] == f"{deed}.jpg"]
    assert row["status"] == ("timeout" if deed in {"spin", "hold"} else "crashed")
    assert row["error"]


def test_neighbours_are_there(output: Path, poisoned: Path) -> None:
    found = rows(output, "images")
    assert [row["key"] for row in found] == sorted(path.name for path in poisoned.iterdir())
    harmless = [row for row in found if row["key"].partition(".")[0] not in DEEDS]
    assert {row["status"] for row in harmless} == {"ok"}
    assert {row["key"] for row in rows(output, "faces")} == {row["key"] for row in harmless}


def test_nothing_else_is_left_of_it(output: Path) -> None:
    assert mtcnn_ray("verify", output).returncode == 0
    assert list((output / "_job").glob("quarantine/*")) == []
    assert list((output / "_job").glob("attempts/*")) == []


def test_poison_in_a_tar_is_one_row(photo: Path, tmp_path: Path) -> None:
    folder = put(photo, tmp_path / "in", ["a", "segfault", "z"])
    with tarfile.open(tmp_path / "photos.tar", "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, path.name)
    done = extract(tmp_path / "photos.tar", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    statuses = [row["status"] for row in rows(tmp_path / "out", "images")]
    assert statuses == ["ok", "crashed", "ok"]


@pytest.fixture(scope="module")
def bug(photo: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    folder = put(photo, tmp_path_factory.mktemp("bug") / "in", ["a", "b", "bug", "c", "d"])
    return folder.parent / "out", extract(folder, folder.parent / "out")


def test_bug_is_told_at_once_with_the_photo(bug: tuple[Path, Any]) -> None:
    _, done = bug
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "bug.jpg" in done.stderr
    assert "a bug in the decoder" in done.stderr


def test_bug_is_in_quarantine_with_its_traceback(bug: tuple[Path, Any]) -> None:
    output, _ = bug
    [file] = output.glob("_job/quarantine/*.json")
    record = json.loads(file.read_text(encoding="utf-8"))
    assert (record["member"], record["key"], record["attempts"]) == (2, "bug.jpg", 1)
    assert "in _bug" in record["traceback"]
