from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from jobs.messages.errors import OutputError
from jobs.storage.patience import Patience
from jobs.storage.storage import Storage

HURRIED = Patience(attempts=4, first_wait_s=0.0, longest_wait_s=0.0)


class Liar(MemoryFileSystem):  # type: ignore[misc]
    """An object store whose next answers are wrong, or never come."""

    protocol = "liar"
    wrong: dict[str, int] = {}  # noqa: RUF012 - method -> how many of its answers
    calls: list[str] = []  # noqa: RUF012
    failing = 0  # so many reads and one fails
    reads = 0

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace("liar://", "memory://")))

    def _lies(self, method: str) -> bool:
        Liar.calls.append(method)
        Liar.wrong[method] = Liar.wrong.get(method, 0) - 1
        return Liar.wrong[method] >= 0

    def info(self, path: str, **keywords: Any) -> Any:
        found = super().info(path, **keywords)
        if self._lies("absent"):
            raise FileNotFoundError(path)
        return {**found, "size": found["size"] + 1} if self._lies("info") else found

    def cat_file(self, path: str, start: Any = None, end: Any = None, **keywords: Any) -> Any:
        Liar.reads += 1
        if Liar.failing and Liar.reads % Liar.failing == 0:
            raise ConnectionResetError
        data = super().cat_file(path, start=start, end=end)
        return b"" if self._lies("cat_file") else data

    def pipe_file(self, path: str, value: Any, **keywords: Any) -> None:
        super().pipe_file(path, value[:1] if self._lies("pipe_file") else value, **keywords)
        if self._lies("answer"):
            raise ConnectionResetError

    def put_file(self, lpath: str, rpath: str, **keywords: Any) -> None:
        data = Path(lpath).read_bytes()
        super().pipe_file(rpath, data[:1] if self._lies("put_file") else data)

    def ls(self, path: str, detail: bool = True, **keywords: Any) -> Any:
        found = super().ls(path, detail=detail)
        return found[1:] if self._lies("ls") else found


fsspec.register_implementation("liar", Liar, clobber=True)


@pytest.fixture
def storage() -> Iterator[Storage]:
    Liar.wrong, Liar.calls = {}, []
    yield Storage(f"liar://{uuid.uuid4().hex}", patience=HURRIED)
    Liar.wrong, Liar.failing = {}, 0


def test_upload_that_was_cut_off_is_repeated(storage: Storage) -> None:
    Liar.wrong = {"pipe_file": 2}
    storage.publish_bytes(b"abc", "a/b")
    Liar.wrong = {}
    assert storage.read_bytes("a/b") == b"abc"


def test_many_files_are_read_though_some_fail_each_time(storage: Storage) -> None:
    paths = [f"a/{number}" for number in range(20)]
    for path in paths:
        storage.publish_bytes(path.encode(), path)
    Liar.failing = 3
    assert list(storage.read_many(paths)) == [path.encode() for path in paths]


def test_part_that_was_cut_off_is_uploaded_again(storage: Storage) -> None:
    Liar.wrong = {"put_file": 2}
    with storage.spool("a/b") as file:
        file.write_bytes(b"abc")
        storage.publish_file(file, "a/b")
    Liar.wrong = {}
    assert storage.read_bytes("a/b") == b"abc"


def test_record_that_was_created_and_cut_off_is_made_whole(storage: Storage) -> None:
    Liar.wrong = {"pipe_file": 1}
    assert storage.create_bytes(b"abc", "a/b")
    Liar.wrong = {}
    assert storage.read_bytes("a/b") == b"abc"


def test_answer_that_is_lost_is_no_other_record(storage: Storage) -> None:
    Liar.wrong = {"answer": 1}
    assert storage.create_bytes(b"abc", "a/b")


def test_name_is_refused_though_storage_says_it_is_free(storage: Storage) -> None:
    storage.publish_bytes(b"xyz", "a/b")

    def look(lies: int) -> bool:
        Liar.wrong = {"absent": lies}
        return storage.create_bytes(b"abc", "a/b")

    assert not look(0)
    assert not look(1)
    Liar.wrong = {}
    assert storage.read_bytes("a/b") == b"xyz"


def test_wrong_size_after_an_upload_is_asked_for_again_first(storage: Storage) -> None:
    Liar.wrong = {"info": 1}
    storage.publish_bytes(b"abc", "a/b")
    assert Liar.calls.count("pipe_file") == 1


def test_upload_that_is_cut_off_again_and_again_is_an_error(storage: Storage) -> None:
    Liar.wrong = {"pipe_file": 99}
    with pytest.raises(OutputError, match=r"cannot write .* \(storage has taken only a part"):
        storage.publish_bytes(b"abc", "a/b")


def test_upload_costs_one_look(storage: Storage) -> None:
    storage.publish_bytes(b"abc", "a/b")
    assert Liar.calls.count("pipe_file") == 1
    assert Liar.calls.count("info") in (1, 2)  # older fsspec looks once itself


@pytest.mark.parametrize("lie", ["cat_file", "info"])
def test_file_that_comes_cut_off_is_read_again(storage: Storage, lie: str) -> None:
    storage.publish_bytes(b"abcdef", "a/b")
    Liar.wrong = {lie: 2}
    assert storage.read_bytes("a/b") == b"abcdef"


@pytest.mark.parametrize("lie", ["cat_file", "info"])
def test_opened_file_is_all_there(storage: Storage, lie: str) -> None:
    storage.publish_bytes(b"abcdef", "a/b")
    Liar.wrong = {lie: 1}
    with storage.open("a/b") as file:
        assert file.read() == b"abcdef"


def test_file_is_not_missing_because_storage_said_so_once(storage: Storage) -> None:
    storage.publish_bytes(b"", "a/b")
    Liar.wrong = {"absent": 1}
    assert storage.exists("a/b")


def test_file_is_deleted_although_storage_said_once_that_it_is_not_there(storage: Storage) -> None:
    storage.publish_bytes(b"", "a/b")
    Liar.wrong = {"absent": 1}
    storage.delete("a/b")
    Liar.wrong = {}
    assert not storage.exists("a/b")


def test_confirmed_names_are_those_of_either_listing(storage: Storage) -> None:
    for name in "bcd":
        storage.publish_bytes(b"", f"a/{name}")
    Liar.wrong = {"ls": 1}
    assert storage.confirmed_names("a") == ["b", "c", "d"]


def test_spooled_file_has_no_name_that_outlives_a_killed_process(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with storage.spool("a/b") as file:
        file.write_bytes(b"abc")
        assert list(tmp_path.iterdir()) == []
        storage.publish_file(file, "a/b")
    assert storage.read_bytes("a/b") == b"abc"


def test_late_upload_cannot_send_another_file(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was given up opens its file only after the spool is closed."""
    resume, sent = threading.Event(), threading.Event()
    content: list[bytes] = []

    def slow(self: Liar, lpath: str, rpath: str, **keywords: Any) -> None:
        resume.wait(60)
        content.append(Path(lpath).read_bytes())
        sent.set()

    monkeypatch.setattr(Liar, "put_file", slow)
    patience = Patience(attempts=1)
    hurried = Storage(storage.url, deadline_s=0.05, patience=patience)
    with pytest.raises(OutputError, match="no answer within"), hurried.spool("a/b") as file:
        file.write_bytes(b"abc")
        hurried.publish_file(file, "a/b")
    others = [(tmp_path / str(number)).open("wb+") for number in range(8)]  # takes its number
    for other in others:
        other.write(b"other")
        other.flush()
    resume.set()
    assert sent.wait(60)
    for other in others:
        other.close()
    assert content == [b"abc"]


def test_late_answer_of_a_synchronous_file_system_is_an_error(tmp_path: Path) -> None:
    fifo = tmp_path / "a"
    os.mkfifo(fifo)  # opening it to read hangs until somebody writes
    options = {"path": str(tmp_path), "target_protocol": "file"}
    storage = Storage("dir://", options, deadline_s=0.1, patience=Patience(2, 0.0, 0.0))
    began = time.monotonic()
    with pytest.raises(OutputError, match=r"no answer within 0\.1 s"):
        storage.read_bytes("a")
    assert time.monotonic() - began < 60
    for _ in range(2):  # the threads end with the process, or here
        with fifo.open("wb"):
            pass
