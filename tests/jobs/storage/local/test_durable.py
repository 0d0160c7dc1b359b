from __future__ import annotations

import os
from pathlib import Path

import pytest

from jobs.engine.lease.lock import FolderLock
from jobs.messages.errors import OutputError
from jobs.storage.local.durable import make_folder
from jobs.storage.storage import Storage

# Whatever is done to a disk that matters when the power fails.
Trace = list[tuple[str, str]]


@pytest.fixture
def trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trace:
    """What is flushed, renamed and removed, in order, relative to the test's folder."""
    found: Trace = []
    fsync, replace, link, unlink = os.fsync, os.replace, os.link, Path.unlink

    def name(path: str | Path) -> str:
        relative = Path(os.path.relpath(path, tmp_path))
        return str(relative.with_name("*.tmp") if relative.suffix == ".tmp" else relative)

    def traced_fsync(handle: int) -> None:
        found.append(("sync", name(os.readlink(f"/proc/self/fd/{handle}"))))
        fsync(handle)

    def traced_replace(old: Path, new: Path) -> None:
        found.append(("move", name(new)))
        replace(old, new)

    def traced_link(old: Path, new: Path) -> None:
        found.append(("link", name(new)))
        link(old, new)

    def traced_unlink(path: Path, missing_ok: bool = False) -> None:
        if path.exists():
            found.append(("remove", name(path)))
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(os, "fsync", traced_fsync)
    monkeypatch.setattr(os, "replace", traced_replace)
    monkeypatch.setattr(os, "link", traced_link)
    monkeypatch.setattr(Path, "unlink", traced_unlink)
    return found


def test_file_is_on_the_disk_before_it_has_its_name_and_then_the_name(
    tmp_path: Path, trace: Trace
) -> None:
    Storage(str(tmp_path)).publish_bytes(b"abc", "a.json")
    assert trace == [("sync", "*.tmp"), ("move", "a.json"), ("sync", ".")]


def test_spooled_part_is_flushed_too(tmp_path: Path, trace: Trace) -> None:
    storage = Storage(str(tmp_path))
    with storage.spool("part") as file:
        file.write_bytes(b"abc")
        storage.publish_file(file, "part")
    assert trace == [("sync", "*.tmp"), ("move", "part"), ("sync", ".")]


def test_what_is_created_is_on_the_disk_before_it_has_its_name_and_then_the_name(
    tmp_path: Path, trace: Trace
) -> None:
    Storage(str(tmp_path)).create_bytes(b"abc", "a.json")
    assert trace[:3] == [("sync", "*.tmp"), ("link", "a.json"), ("sync", ".")]


def test_new_folders_are_on_the_disk_before_what_is_in_them(tmp_path: Path, trace: Trace) -> None:
    Storage(str(tmp_path / "out")).publish_bytes(b"", "_job/commits/a.json")
    assert trace[:3] == [("sync", "."), ("sync", "out"), ("sync", "out/_job")]
    assert trace[-2:] == [("move", "out/_job/commits/a.json"), ("sync", "out/_job/commits")]


def test_folders_that_were_there_are_not_flushed(tmp_path: Path, trace: Trace) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    make_folder(tmp_path / "a/b")
    assert trace == []


def test_output_that_the_lock_makes_is_on_the_disk(tmp_path: Path, trace: Trace) -> None:
    lock = FolderLock(tmp_path / "a/out")
    lock.take()
    lock.release()
    assert trace == [("sync", "."), ("sync", "a")]


def test_deletion_is_on_the_disk(tmp_path: Path, trace: Trace) -> None:
    (tmp_path / "a").write_bytes(b"")
    Storage(str(tmp_path)).delete("a")
    assert trace == [("remove", "a"), ("sync", ".")]


def test_many_files_are_on_the_disk_when_publishing_returns(
    tmp_path: Path, trace: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sync", lambda: trace.append(("sync", "all")))
    Storage(str(tmp_path)).publish_many([("a/1", b"1"), ("a/2", b"2")])
    assert trace == [("move", "a/1"), ("move", "a/2"), ("sync", "all")]


def test_of_many_files_one_that_fails_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: str, target: str) -> None:
        raise OSError(28, "No space left on device", target)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OutputError):
        Storage(str(tmp_path)).publish_many([("a/1", b"1")])
    assert list((tmp_path / "a").iterdir()) == []
