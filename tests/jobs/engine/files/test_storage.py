from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.engine.errors import OutputError, UserError
from jobs.engine.files.filesystem import open_filesystem
from jobs.engine.files.storage import Storage


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


def test_sweep_removes_leftovers_only(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    storage.publish_bytes(b"", "a/b.json")
    (tmp_path / "a" / ".c.bin.0.tmp").write_bytes(b"half")
    (tmp_path / "a" / ".hidden").write_bytes(b"not ours")
    storage.sweep(["a", "absent"])
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [".hidden", "b.json"]


def test_failed_publishing_leaves_nothing(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    (tmp_path / "a" / "b").mkdir(parents=True)
    with pytest.raises(OutputError, match="cannot be written"):
        storage.publish_bytes(b"abc", "a/b")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_output_below_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot be written"):
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
        "from jobs.engine.errors import UserError; from jobs.engine.files.storage import Storage\n"
        f"try:\n    Storage({url!r})\nexcept UserError as error:\n    print(error)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert f"pip install 'mtcnn-ray[{extra}]'" in done.stdout
