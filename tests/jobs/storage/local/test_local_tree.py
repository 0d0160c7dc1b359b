"""A tree that somebody has laid out to keep us busy, or changes while it is read."""

from __future__ import annotations

import contextlib
import os
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import pytest

from jobs.storage.entry import Entry
from jobs.storage.local import local_tree
from jobs.storage.local.local_tree import LocalTree
from jobs.storage.local.regular_file import open_regular
from jobs.storage.read_error import ReadError


def keys_of(root: Path, most: int = 10_000) -> list[str]:
    return [entry.key for entry in islice(LocalTree(str(root)).walk(None), most)]


def read(root: Path, key: str, size: int | None) -> bytes | ReadError:
    return LocalTree(str(root)).read(Entry(key, size, ""), None)


# What is walked


def test_links_that_double_the_paths_at_every_level_end(tmp_path: Path) -> None:
    for level in range(30):
        (tmp_path / f"{level:02}").mkdir()
        for name in ("a", "b"):
            (tmp_path / f"{level:02}" / name).symlink_to(f"../{level + 1:02}")
    (tmp_path / "30").mkdir()
    (tmp_path / "30" / "photo").touch()
    keys = keys_of(tmp_path)
    assert keys[-1] == "30/photo"
    assert len(keys) < 100


def test_two_links_to_a_folder_list_it_twice(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "photo").touch()
    for name in ("a", "b"):
        (tmp_path / name).symlink_to("in")
    assert keys_of(tmp_path) == ["a/photo", "b/photo", "in/photo"]


def test_a_folder_too_deep_to_be_listed_is_a_row(tmp_path: Path) -> None:
    (tmp_path / "photo").touch()
    name = "d" * 250
    folder = os.open(tmp_path, os.O_RDONLY)
    for _ in range(40):
        os.mkdir(name, dir_fd=folder)
        below = os.open(name, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(folder)
    deep, photo = keys_of(tmp_path)
    assert photo == "photo"
    assert set(deep.split("/")) == {name, ""}
    error = ReadError("unreadable", "the file cannot be read: file name too long")
    assert read(tmp_path, deep, None) == error


# What is read


@pytest.mark.timeout(60)
def test_a_fifo_in_place_of_a_photo_is_a_row(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    assert read(tmp_path, "a.jpg", 100) == ReadError("unsupported", "not a regular file but a FIFO")


@pytest.mark.skipif(not os.path.exists("/proc/self/environ"), reason="needs Linux's /proc")
@pytest.mark.parametrize("file", ["/proc/self/environ", "/proc/kmsg"])
@pytest.mark.timeout(60)
def test_a_file_of_the_kernel_is_not_read(tmp_path: Path, file: str) -> None:
    # Its size is 0; reading the first gives secrets, reading the second may never end.
    if not os.path.exists(file):
        pytest.skip(f"no {file} here")
    (tmp_path / "a.jpg").symlink_to(file)
    assert read(tmp_path, "a.jpg", 0) in (
        b"",
        ReadError("unreadable", "the storage denied permission to read the file"),
    )


@pytest.mark.parametrize(("change", "size"), [(b"x", 5), (None, 2)])
def test_a_file_that_changes_while_it_is_read_is_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: bytes | None, size: int
) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"1234")

    @contextlib.contextmanager
    def opened(path: str) -> BinaryIO:
        with open_regular(path, buffering=0) as stream:
            yield _Changing(stream, file, change)

    monkeypatch.setattr(local_tree, "open_regular", opened)
    was = "the file changed after it was listed: it had 4 bytes, now it has"
    assert read(tmp_path, "a", 4) == ReadError("unreadable", f"{was} {size} bytes")


class _Changing:
    """A file that is appended to or cut the moment before it is read."""

    def __init__(self, stream: BinaryIO, file: Path, change: bytes | None) -> None:
        self._stream, self._file, self._change = stream, file, change
        self.fileno = stream.fileno

    def read(self, size: int) -> bytes:
        if self._change is None:
            os.truncate(self._file, 2)
        else:
            with open(self._file, "ab") as file:
                file.write(self._change)
        return self._stream.read(size)
