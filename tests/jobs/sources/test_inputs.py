"""Several inputs of one output: each member is read from its own."""

from __future__ import annotations

import os
import shutil
import tarfile
import uuid
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest

from jobs.members import Member, Origin
from jobs.messages.errors import UserError
from jobs.sources.inputs import Inputs, NamedInput, open_inputs, recorded
from jobs.sources.settings import InputSettings
from jobs.sources.source import Source
from jobs.storage.read_error import ReadError


def folder_of(path: Path, **content: str) -> Path:
    path.mkdir(parents=True)
    for name, text in content.items():
        (path / name).write_text(text)
    return path


@pytest.fixture
def days(tmp_path: Path) -> tuple[Path, Path]:
    return folder_of(tmp_path / "a", x="x of a"), folder_of(tmp_path / "b", x="x of b")


def opened(url: Path, *others: Origin, **settings: object) -> Source:
    return open_inputs(str(url), InputSettings.model_validate(settings), others)


def read(source: Source, members: list[Member]) -> dict[str, bytes | str]:
    return {
        member.key: data.message if isinstance(data, ReadError) else data
        for member, data in source.stream(members)
    }


def test_keys_have_the_prefix_and_files_are_found_without_it(days: tuple[Path, Path]) -> None:
    source = opened(days[0], key_prefix="day/a")
    members = list(source.list())
    assert [member.key for member in members] == ["day/a/x"]
    assert read(source, members) == {"day/a/x": b"x of a"}


@pytest.mark.parametrize("prefix", ["", "/a", "a/", "a//b"])
def test_a_prefix_that_would_make_empty_names_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="key_prefix"):
        InputSettings(key_prefix=prefix)


def test_items_of_an_archive_have_the_prefix(days: tuple[Path, Path], tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "in.tar", "w") as tar:
        tar.add(days[0] / "x", "x")
    source = opened(tmp_path / "in.tar", key_prefix="p")
    assert read(source, list(source.list())) == {"p/x": b"x of a"}


def test_a_label_is_that_of_the_input_alone(tmp_path: Path) -> None:
    folder_of(tmp_path / "in" / "ann", x="x")
    source = opened(tmp_path / "in", key_prefix="p")
    assert [(member.key, member.label) for member in source.list()] == [("p/ann/x", "ann")]
    assert next(opened(tmp_path / "in" / "ann", key_prefix="p").list()).label is None


def test_equal_keys_are_read_each_from_its_own_input(days: tuple[Path, Path]) -> None:
    a, b = days
    members = list(opened(b, Origin(str(b))).list())
    assert read(opened(a, Origin(str(a)), Origin(str(b))), members) == {"x": b"x of b"}


def test_of_an_input_that_was_moved_the_same_files_are_read(days: tuple[Path, Path]) -> None:
    a, _ = days
    members = list(opened(a).list())
    a.rename(a.with_name("moved"))
    source = opened(a.with_name("moved"), Origin(str(a)))
    assert read(source, members) == {"x": b"x of a"}


def test_another_file_of_the_same_key_is_not_taken_for_it(days: tuple[Path, Path]) -> None:
    a, b = days
    members = list(opened(a).list())
    (a / "x").unlink()
    found = read(opened(b, Origin(str(a))), members)
    assert found == {"x": "the file is no longer there"}


def test_a_member_of_an_input_that_is_not_known_is_refused(days: tuple[Path, Path]) -> None:
    a, b = days
    members = list(opened(a).list())
    with pytest.raises(UserError, match=rf"^'{a}/x' was planned from an input that is not known"):
        read(opened(b, Origin(str(b))), members)


def test_where_it_was_moved_from_can_be_said(days: tuple[Path, Path], tmp_path: Path) -> None:
    a, _ = days
    members = list(opened(a).list())
    copy = shutil.copytree(a, tmp_path / "copy")
    os.utime(copy / "x", ns=(1, 1))  # so it does not look the same
    (a / "x").unlink()
    source = opened(copy, Origin(str(a)), moved_from=str(a))
    assert read(source, members) == {"x": b"x of a"}


@pytest.mark.parametrize("pattern", ["", "*", "x"])
def test_a_folder_a_glob_and_a_file_know_what_is_theirs(
    days: tuple[Path, Path], pattern: str
) -> None:
    a, b = days
    [member] = opened(a / pattern if pattern else a).list()
    assert opened(a / pattern if pattern else a).holds(member)
    assert not opened(b / pattern if pattern else b).holds(member)
    shutil.rmtree(a)  # nobody is asked
    assert opened(a / pattern if pattern else a).holds(member)


def test_an_archive_knows_its_parts(tmp_path: Path) -> None:
    for name in ("1.tar", "2.tar"):
        with tarfile.open(tmp_path / name, "w") as tar:
            tar.add(__file__, "x")
    [member] = opened(tmp_path / "1.tar").list()
    part = replace(member, key="1.tar#512", start=512)
    assert opened(tmp_path / "1.tar").holds(part) and opened(tmp_path / "*.tar").holds(part)
    assert not opened(tmp_path / "2.tar").holds(part)


def test_what_is_recorded_is_absolute_and_has_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert recorded("photos") == recorded("./photos/") == str(tmp_path / "photos")
    assert recorded("https://me:secret@host/a") == "https://host/a"
    assert recorded("demo:") == "demo:"


def test_an_input_that_is_gone_is_told_before_anything_is_read(days: tuple[Path, Path]) -> None:
    a, b = days
    [member] = opened(b).list()
    source = opened(a, Origin(str(b)))
    assert isinstance(source, Inputs)
    source.check(member)
    shutil.rmtree(b)
    with pytest.raises(UserError, match="there is no file or folder"):
        source.check(member)


def test_a_key_that_begins_with_a_slash_keeps_it() -> None:
    member = Member("/a.jpg", "s3://b//a.jpg", 1, "", None)
    assert NamedInput("s3://b", "", InputSettings()).inside(member).key == "/a.jpg"
    named = NamedInput("s3://b", "day", InputSettings())
    assert named.inside(named.outside(member)) == member


def test_remote_inputs_know_what_is_theirs() -> None:
    name = uuid.uuid4().hex
    files = fsspec.filesystem("memory")
    for day in ("a", "b"):
        files.pipe(f"/{name}/{day}/x", f"x of {day}".encode())
    a, b = (f"memory://{name}/{day}" for day in ("a", "b"))
    settings = InputSettings()
    [member] = open_inputs(b, settings).list()
    for url in (b, f"{b}/", f"{b}/*", f"{b}/x"):
        assert open_inputs(url, settings).holds(member)
    assert not open_inputs(a, settings).holds(member)
    source = open_inputs(a, settings, [Origin(a), Origin(b)])
    assert read(source, [member]) == {"x": b"x of b"}


def test_an_archive_is_read_under_the_keys_that_it_was_planned_with(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "1.tar", "w") as tar:
        tar.add(__file__, "x")
    alone, all_of_them = Origin(str(tmp_path / "1.tar")), Origin(str(tmp_path / "*.tar"))
    [member] = opened(tmp_path / "1.tar").list()
    for url in ("1.tar", "*.tar"):
        source = opened(tmp_path / url, alone, all_of_them)
        assert [*read(source, [replace(member, origin=alone)])] == ["x"]
        assert [*read(source, [replace(member, origin=all_of_them)])] == ["1.tar/x"]
