"""What is believed of a storage that errs: sizes that are said twice, and a no that is."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from jobs.storage.entry import Entry
from jobs.storage.faults import ContradictionError, CutOffError
from jobs.storage.patience import Patience
from jobs.storage.read_error import ReadError
from jobs.storage.remote.remote_path import RemotePath, is_other, version_of
from jobs.storage.remote.remote_tree import RemoteTree
from jobs.storage.streams.range_file import RangeFile
from jobs.storage.streams.steady_file import SteadyFile
from tests.servers.scripted import Scripted

HURRIED = Patience(attempts=3, first_wait_s=0.0, longest_wait_s=0.0)
PHOTO = bytes(range(100))


def path_in(fs: Scripted) -> RemotePath:
    return RemotePath(fs, "a", 60.0, HURRIED)


def read(fs: Scripted, size: int | None, version: str = "v1") -> bytes | ReadError:
    return RemoteTree(fs, "", "", 60.0, HURRIED).read(Entry("a", size, version), max_bytes=1000)


# Sizes


@pytest.mark.parametrize(
    ("told", "said", "sure"),
    [
        ([100], [100], 100),
        ([100], [7, 100], 100),
        ([7], [100, 100], 100),
        ([], [100, 7, 100], 100),
        ([0], [0, 100, 100], 100),
        ([0], [0, 0], 0),
        ([100], [None], None),
    ],
)
def test_a_size_is_sure_that_is_said_twice(told: list[int], said: list[Any], sure: Any) -> None:
    fs = Scripted([*said, -1], [])
    assert path_in(fs).sure_info(*told)["size"] == sure
    assert len(fs.asked) == len(said)


def test_a_storage_that_never_says_the_same_is_not_believed() -> None:
    with pytest.raises(ContradictionError):
        path_in(Scripted([1, 2, 3, 4], [])).sure_info()


def test_a_part_that_is_cut_off_is_asked_for_again() -> None:
    assert path_in(Scripted([], [PHOTO[:25], b"", PHOTO])).part(20, 30) == PHOTO[20:30]


def test_a_part_that_is_always_cut_off_is_an_error() -> None:
    fs = Scripted([], [PHOTO[:25]])
    with pytest.raises(CutOffError):
        path_in(fs).part(20, 30)
    assert len(fs.asked) == HURRIED.attempts


# Photos


@pytest.mark.parametrize("size", [100, 7, 5000, 99, 0, None])
def test_a_photo_is_read_whatever_size_was_listed(size: int | None) -> None:
    assert read(Scripted([100], [PHOTO]), size) == PHOTO


@pytest.mark.parametrize("size", [100, None])
@pytest.mark.parametrize("cut", [b"", PHOTO[:-1], PHOTO[:50]])
def test_a_photo_is_read_whole_though_it_came_cut_off(size: int | None, cut: bytes) -> None:
    assert read(Scripted([100], [cut, cut, PHOTO]), size) == PHOTO


@pytest.mark.parametrize("size", [100, None, 0])
def test_an_empty_answer_that_fits_an_empty_size_is_not_believed(size: int | None) -> None:
    assert read(Scripted([0, 100], [b"", PHOTO]), size) == PHOTO


def test_an_empty_photo_is_one() -> None:
    assert read(Scripted([0], [b""]), 0) == b""


def test_a_photo_that_came_as_listed_is_one_request() -> None:
    fs = Scripted([100], [PHOTO])
    read(fs, 100)
    assert fs.asked == ["cat_file"]


@pytest.mark.parametrize("listed", [5000, 100, 7, None])
def test_only_a_sure_size_is_too_large(listed: int | None) -> None:
    assert read(Scripted([9999, 100], [PHOTO]), listed) == PHOTO
    fs = Scripted([1001], [bytes(1001)])
    assert read(fs, listed) == ReadError(
        "too_large", "the file has 1001 bytes, more than the 1000 allowed"
    )


def test_what_is_always_cut_off_is_unreadable() -> None:
    assert read(Scripted([100], [PHOTO[:50]]), 100) == ReadError(
        "unreadable", "the file became shorter while it was read"
    )


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (FileNotFoundError(), "the file is no longer there"),
        (PermissionError(), "the storage denied permission to read the file"),
        (ValueError("odd"), "the file cannot be read: the storage failed with ValueError"),
    ],
)
def test_a_no_is_believed_the_second_time(error: Exception, message: str) -> None:
    assert read(Scripted([100], [error, PHOTO]), 100) == PHOTO
    assert read(Scripted([100], [error, error, PHOTO]), 100) == ReadError("unreadable", message)


# Versions


def test_a_file_that_changed_is_told_from_a_wrong_size() -> None:
    changed = "the file changed after it was listed: it had 7 bytes, now it has 100 bytes"
    fs = [Scripted([100], [PHOTO], version) for version in ("v1", "v2")]
    assert read(fs[0], 7) == PHOTO
    assert read(fs[1], 7) == ReadError("unreadable", changed)


def test_a_file_without_a_version_is_taken_as_it_is() -> None:
    assert read(Scripted([100], [PHOTO], "v2"), 7, version="") == PHOTO


def test_versions_are_those_of_the_storage() -> None:
    when = datetime(2026, 1, 2, tzinfo=timezone.utc)
    info = {"ETag": '"abc"', "LastModified": when}
    assert version_of(info) == "abc"
    assert version_of({"LastModified": when}) == when.isoformat() and version_of({}) == ""
    # A listing may tell less than a look at the file.
    assert not is_other(info, when.isoformat()) and not is_other(info, "abc")
    assert is_other(info, "abcd") and not is_other({}, "abc") and not is_other(info, "")


# Containers


@pytest.mark.parametrize("told", [100, 7, None])
def test_a_file_that_is_read_in_ranges_has_its_true_size(told: int | None) -> None:
    tree = RemoteTree(Scripted([9, 100], [PHOTO]), "", "", 60.0, HURRIED)
    file = tree.open_ranges("a", told)
    assert isinstance(file, RangeFile)
    assert (file.size, file.read()) == (100, PHOTO)


@pytest.mark.parametrize("listed", [100, 7, 5000, None])
def test_an_archive_is_read_to_its_true_end(listed: int | None) -> None:
    tree = RemoteTree(Scripted([9, 100], [PHOTO]), "", "", 60.0, HURRIED)
    file = tree.open_stream(Entry("a", listed, "v1"))
    assert isinstance(file, SteadyFile)
    assert file.read(1000) == PHOTO


def test_an_archive_that_changed_is_told_from_a_wrong_size() -> None:
    tree = RemoteTree(Scripted([100], [PHOTO], "v2"), "", "", 60.0, HURRIED)
    file = tree.open_stream(Entry("a", 7, "v1"))
    message = "the file changed after it was listed: it had 7 bytes, now it has 100 bytes"
    assert file == ReadError("unreadable", message)
