from __future__ import annotations

import errno
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from jobs.engine.driver.run import run
from jobs.engine.settings import RunSettings
from jobs.members import Member
from jobs.messages.errors import OutputError
from jobs.storage.room import check_room
from jobs.storage.storage import Storage
from tests.jobs.engine.outputs import IDENTITY, plan_folder, start_worker
from tests.jobs.engine.stand_in import ChecksumJob, make_folder

MB = 10**6


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders whose disks were looked at; each has 5 MB free."""
    found: list[Path] = []

    def usage(folder: Path) -> SimpleNamespace:
        found.append(folder)
        return SimpleNamespace(free=5 * MB)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    return found


def test_disk_of_the_output_is_looked_at(tmp_path: Path, looked_at: list[Path]) -> None:
    with pytest.raises(OutputError, match=rf"only 5 MB free in '{tmp_path}', less than the 6 MB"):
        check_room(Storage(str(tmp_path / "out" / "deeper")), 6 * MB)


def test_temporary_folder_is_looked_at_if_the_output_is_remote(looked_at: list[Path]) -> None:
    with pytest.raises(OutputError):
        check_room(Storage(f"memory://{uuid.uuid4().hex}"), 6 * MB)
    assert looked_at == [Path(tempfile.gettempdir())]


def test_enough_is_enough(tmp_path: Path, looked_at: list[Path]) -> None:
    check_room(Storage(str(tmp_path)), 5 * MB)


def test_zero_is_not_to_look(tmp_path: Path, looked_at: list[Path]) -> None:
    check_room(Storage(str(tmp_path)), 0)
    assert looked_at == []


def test_run_without_room_lists_and_writes_nothing(tmp_path: Path, looked_at: list[Path]) -> None:
    def listing() -> Iterator[Member]:
        raise AssertionError("the input was listed")

    settings = RunSettings(min_free_bytes=6 * MB)
    with pytest.raises(OutputError, match="make space there"):
        run(ChecksumJob(), listing, str(tmp_path / "out"), settings, IDENTITY)
    assert not (tmp_path / "out").exists()


def test_worker_without_room_begins_no_shard(tmp_path: Path, looked_at: list[Path]) -> None:
    plan = plan_folder(tmp_path / "out", make_folder(tmp_path / "in", 3))
    worker = start_worker(tmp_path / "out")
    worker._min_free_bytes = 6 * MB
    with pytest.raises(OutputError, match="make space there"):
        worker.run(plan.shard(0))
    assert not (tmp_path / "out" / "files").exists()


def test_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match=r"No space left on device\): make space and run the sam"):
        Storage(str(tmp_path)).publish_bytes(b"abc", "a")
    assert list(tmp_path.iterdir()) == []
