"""A remote file is opened whatever its storage can, and read to its true end."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from jobs.storage.faults import ContradictionError, CutOffError
from jobs.storage.patience import Patience
from jobs.storage.remote.remote_file import open_remote
from jobs.storage.remote.remote_path import RemotePath
from tests.servers.scripted import Answer, Scripted

HURRIED = Patience(attempts=3, first_wait_s=0.0, longest_wait_s=0.0)
DATA = bytes(range(250))


class WithoutRanges(Scripted):
    """Gives all of a file, whatever is asked for."""

    def cat_file(self, path: str, start: Any = None, end: Any = None, **keywords: Any) -> bytes:
        return super().cat_file(path)


def call(method: Callable[..., Any], *arguments: Any) -> Any:
    return method(*arguments)


def opened(fs: Scripted) -> io.BufferedReader:
    file = open_remote(RemotePath(fs, "a", 60.0, HURRIED), call)
    assert isinstance(file, io.BufferedReader)
    return file


@pytest.mark.parametrize("said", [[250], [7, 250], [250, 9, 250]])
def test_a_file_is_as_long_as_storage_has_said_twice(said: list[Answer]) -> None:
    assert opened(Scripted(said, [DATA])).read() == DATA


def test_a_part_that_comes_cut_off_is_asked_for_again() -> None:
    assert opened(Scripted([250], [DATA[:9], DATA])).read() == DATA


def test_a_part_that_always_comes_cut_off_is_an_error() -> None:
    with pytest.raises(CutOffError):
        opened(Scripted([250], [DATA[:9]])).read()


def test_of_storage_that_does_not_say_how_long_it_is_all_is_read_once() -> None:
    fs = Scripted([None], [DATA])  # type: ignore[list-item]
    file = opened(fs)
    assert (file.seek(-5, io.SEEK_END), file.read(2), file.seek(0), file.read()) == (
        245,
        DATA[245:247],
        0,
        DATA,
    )
    assert fs.asked == ["info", "cat_file"]


def test_of_storage_that_knows_no_ranges_all_is_read_once() -> None:
    fs = WithoutRanges([250], [DATA])
    file = open_remote(RemotePath(fs, "a", 60.0, HURRIED), call).detach()  # type: ignore[attr-defined]
    assert (file.read(5), file.seek(100), file.read(7)) == (DATA[:5], 100, DATA[100:107])
    assert fs.asked == ["info", "info", "cat_file"]


def test_a_file_that_changes_while_it_is_read_is_an_error() -> None:
    with pytest.raises(ContradictionError, match="it changed while it was read"):
        open_remote(
            RemotePath(WithoutRanges([300], [DATA + bytes(1)]), "a", 60.0, HURRIED), call
        ).detach().read(5)  # type: ignore[attr-defined]


def test_what_it_raises_is_dealt_with_by_who_opens_it() -> None:
    def refusing(method: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return method(*arguments)
        except PermissionError as error:
            raise KeyError("a sentence") from error

    file = open_remote(
        RemotePath(Scripted([250], [PermissionError()]), "a", 60.0, HURRIED), refusing
    )
    with pytest.raises(KeyError, match="a sentence"):
        file.read(5)
