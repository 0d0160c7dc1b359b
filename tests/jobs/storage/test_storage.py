from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from jobs.messages.errors import OutputError, UserError
from jobs.storage.filesystem import open_filesystem
from jobs.storage.storage import Storage


@pytest.fixture(params=["local", "memory", "remote"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    if request.param == "local":
        yield Storage(str(tmp_path / "out"))
    elif request.param == "memory":
        yield Storage(f"memory://{uuid.uuid4().hex}")
    else:
        # The local disk, but as a file system that the code has no special knowledge of.
        options = {"path": str(tmp_path), "target_protocol": "file"}
        yield Storage("dir://out", {**options, "target_options": {"auto_mkdir": True}})


def test_published_bytes_are_read_back(storage: Storage) -> None:
    storage.publish_bytes(b"abc", "a/b.json")
    assert storage.read_bytes("a/b.json") == b"abc"


def test_publishing_again_replaces(storage: Storage) -> None:
    storage.publish_bytes(b"abc", "a/b.json")
    storage.publish_bytes(b"d", "a/b.json")
    assert storage.read_bytes("a/b.json") == b"d"


def test_many_files_are_published_and_replace_what_was_there(storage: Storage) -> None:
    storage.publish_bytes(b"old", "a/b.bin")
    storage.publish_many((path, path.encode()) for path in ("a/b.bin", "a/c.bin", "d/e/f.bin"))
    for path in ("a/b.bin", "a/c.bin", "d/e/f.bin"):
        assert storage.read_bytes(path) == path.encode()
    assert storage.names("a") == ["b.bin", "c.bin"]
    assert storage.leftovers("a") == []


def test_empty_folders_are_removed_and_others_stay(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    storage.publish_many([("a/b/c.bin", b"c"), ("a/d.bin", b"d"), ("e/f.bin", b"f")])
    storage.delete("a/b/c.bin", "e/f.bin")
    storage.prune("a")
    storage.prune("e")
    storage.prune("gone")
    assert storage.folders("") == ["a"] and storage.folders("a") == []


def test_spooled_file_appears_only_when_published(storage: Storage) -> None:
    with storage.spool("a/b.bin") as spool:
        spool.write_bytes(b"abc")
        assert storage.names("a") == []
        storage.publish_file(spool, "a/b.bin")
    assert storage.names("a") == ["b.bin"]
    assert storage.read_bytes("a/b.bin") == b"abc"


def test_nothing_is_left_of_a_spooled_file(storage: Storage) -> None:
    for published in (True, False):
        with storage.spool("a/b.bin") as spool:
            spool.write_bytes(b"abc")
            if published:
                storage.publish_file(spool, "a/b.bin")
        assert not spool.exists()


def test_many_files_are_read_in_the_order_asked_for(storage: Storage) -> None:
    for number in range(300):
        storage.publish_bytes(str(number).encode(), f"a/{number}.json")
    paths = [f"a/{number}.json" for number in reversed(range(300))]
    contents = [str(number).encode() for number in reversed(range(300))]
    assert list(storage.read_many(paths)) == contents


def test_names_are_sorted_and_without_folders(storage: Storage) -> None:
    for path in ("a/2", "a/1", "a/folder/3"):
        storage.publish_bytes(b"", path)
    assert storage.names("a") == ["1", "2"]


def test_absent_folder_has_no_names(storage: Storage) -> None:
    assert storage.names("nowhere") == []


def test_absent_file_is_an_error_to_read(storage: Storage) -> None:
    with pytest.raises(FileNotFoundError):
        storage.read_bytes("nothing")


def test_deleting_removes_and_may_be_repeated(storage: Storage) -> None:
    storage.publish_bytes(b"", "a/b")
    storage.delete("a/b")
    storage.delete("a/b")
    assert not storage.exists("a/b")


def test_opened_file_can_be_read_anywhere(storage: Storage) -> None:
    storage.publish_bytes(b"0123456789", "a/b")
    with storage.open("a/b") as file:
        file.seek(7)
        assert file.read() == b"789"


def test_leftovers_are_what_was_being_written(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    storage.publish_bytes(b"", "a/b.json")
    (tmp_path / "a" / ".c.bin.0.tmp").write_bytes(b"half")
    (tmp_path / "a" / ".hidden").write_bytes(b"not ours")
    assert storage.leftovers("a") == ["a/.c.bin.0.tmp"]
    assert storage.leftovers("absent") == []


def create_spooled(storage: Storage, data: bytes, path: str = "a/b") -> bool:
    with storage.spool(path) as file:
        file.write_bytes(data)
        return storage.create_file(file, path, hashlib.sha256(data).hexdigest())


CREATE = [Storage.create_bytes, create_spooled]


def create(storage: Storage, method: Any, data: bytes) -> bool:
    done: bool = method(storage, data, path="a/b")
    return done


@pytest.mark.parametrize("method", CREATE)
def test_what_is_created_is_read_back(storage: Storage, method: Any) -> None:
    assert create(storage, method, b"abc")
    assert storage.read_bytes("a/b") == b"abc"


@pytest.mark.parametrize("method", CREATE)
@pytest.mark.parametrize("there", [b"abcd", b"xyz"])
def test_what_is_there_stays(storage: Storage, method: Any, there: bytes) -> None:
    storage.publish_bytes(there, "a/b")
    assert not create(storage, method, b"abc")
    assert storage.read_bytes("a/b") == there


@pytest.mark.parametrize("method", CREATE)
def test_creating_the_same_again_succeeds(storage: Storage, method: Any) -> None:
    create(storage, method, b"abc")
    assert create(storage, method, b"abc")


def test_record_that_was_cut_off_on_its_way_is_made_whole(storage: Storage) -> None:
    storage.publish_bytes(b"ab", "a/b")
    # Where storage refuses nothing itself, it may be another one that is still on its way.
    assert storage.create_bytes(b"abc", "a/b") == storage.fenced
    assert storage.read_bytes("a/b") == (b"abc" if storage.fenced else b"ab")


def test_part_that_was_cut_off_keeps_its_name(storage: Storage) -> None:
    storage.publish_bytes(b"ab", "a/b")
    assert not create_spooled(storage, b"abc")
    assert storage.read_bytes("a/b") == b"ab"


@pytest.mark.parametrize("method", CREATE)
def test_nothing_is_left_of_what_was_created(storage: Storage, method: Any) -> None:
    for data in (b"abc", b"abc", b"xyz"):
        create(storage, method, data)
    assert (storage.names("a"), storage.leftovers("a")) == (["b"], [])


@pytest.mark.parametrize("method", CREATE)
def test_of_several_that_create_at_once_one_does(tmp_path: Path, method: Any) -> None:
    storage = Storage(str(tmp_path))
    contents = [bytes([number]) * 9 for number in range(16)]
    with ThreadPoolExecutor(16) as threads:
        done = list(threads.map(lambda data: create(storage, method, data), contents))
    assert sum(done) == 1
    assert storage.read_bytes("a/b") == contents[done.index(True)]


@pytest.fixture
def linkless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Storage:
    """On a disk without hard links."""

    def refuse(source: object, target: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    return Storage(str(tmp_path))


@pytest.mark.parametrize("method", CREATE)
def test_disk_without_hard_links(linkless: Storage, method: Any) -> None:
    assert create(linkless, method, b"abc")
    assert not create(linkless, method, b"xyz")
    assert linkless.read_bytes("a/b") == b"abc"


def test_storage_that_refuses_late_writes_says_so(tmp_path: Path) -> None:
    for storage in (Storage(str(tmp_path)), Storage("memory://a")):
        storage.create_bytes(b"abc", f"{uuid.uuid4().hex}/b")
        assert storage.fenced


def test_storage_that_does_not_refuse_late_writes_says_so(linkless: Storage) -> None:
    linkless.create_bytes(b"abc", "a/b")
    assert not linkless.fenced
    options = {"path": "/tmp", "target_protocol": "file"}
    assert not Storage("dir://out", options).fenced


def test_other_errors_of_a_disk_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: object, target: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(OutputError, match="No space left on device"):
        Storage(str(tmp_path)).create_bytes(b"abc", "a/b")
    assert list((tmp_path / "a").iterdir()) == []


def test_failed_publishing_leaves_nothing(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    (tmp_path / "a" / "b").mkdir(parents=True)
    with pytest.raises(OutputError, match="cannot write the output"):
        storage.publish_bytes(b"abc", "a/b")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_output_below_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot write the output"):
        Storage(str(tmp_path / "file" / "out")).publish_bytes(b"", "a")


def test_unknown_scheme_is_named() -> None:
    with pytest.raises(UserError, match="'nonsense://' in 'nonsense://a' is not a known kind"):
        open_filesystem("nonsense://a")


@pytest.mark.parametrize(
    ("module", "url", "extra"),
    [
        ("s3fs", "s3://bucket/a", "s3"),
        ("gcsfs", "gs://bucket/a", "gcs"),
        ("adlfs", "az://container/a", "azure"),
        ("aiohttp", "https://host/a", "http"),
    ],
)
def test_missing_package_is_named_with_its_extra(module: str, url: str, extra: str) -> None:
    # In a process of its own, where the package is hidden.
    code = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from jobs.messages.errors import UserError; from jobs.storage.storage import Storage\n"
        f"try:\n    Storage({url!r})\nexcept UserError as error:\n    print(error)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert f"pip install 'mtcnn-ray[{extra}]'" in done.stdout
