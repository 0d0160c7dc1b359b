"""The first stage: photos and the bytes of their files."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from jobs.photos.read import Read, read
from jobs.sources.settings import InputSettings
from jobs.sources.source import ReadError, open_source
from mtcnn_core.settings.images import ImageLimits

NAMES = ("a.jpg", "b/one.png", "c.jpg")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, name in enumerate(NAMES):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(bytes([number]) * (100 + number))
    return tmp_path / "in"


def test_photos_come_in_order_with_their_files(folder: Path) -> None:
    source = open_source(str(folder), InputSettings())
    members = list(source.list())
    found = list(read(source, members, ImageLimits()))
    assert found == [Read(member, (folder / member.key).read_bytes()) for member in members]
    assert [photo.member.key for photo in found] == list(NAMES)


def test_only_the_photos_asked_for_are_read(folder: Path) -> None:
    source = open_source(str(folder), InputSettings())
    _, second, third = source.list()
    assert [each.member for each in read(source, [third, second], ImageLimits())] == [third, second]
    assert list(read(source, [], ImageLimits())) == []


def test_a_container_gives_its_photos(folder: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "photos.tar", "w") as archive:
        for name in NAMES:
            archive.add(folder / name, name)
    source = open_source(str(tmp_path / "photos.tar"), InputSettings())
    [archive_member] = source.list()
    found = list(read(source, [archive_member], ImageLimits()))
    assert [photo.member.key for photo in found] == list(NAMES)
    assert [photo.data for photo in found] == [(folder / name).read_bytes() for name in NAMES]


def test_a_photo_that_cannot_be_read_has_the_reason(folder: Path) -> None:
    source = open_source(str(folder), InputSettings())
    members = list(source.list())
    (folder / "b/one.png").unlink()
    first, second, third = read(source, members, ImageLimits())
    assert isinstance(second.data, ReadError)
    assert (second.member, second.data.kind) == (members[1], "unreadable")
    assert "no longer there" in second.data.message
    assert (first.data, third.data) == (bytes(100), b"\x02" * 102)


def test_a_file_over_the_limit_is_not_read(folder: Path) -> None:
    source = open_source(str(folder), InputSettings())
    found = list(read(source, list(source.list()), ImageLimits(max_bytes=101)))
    assert [isinstance(photo.data, bytes) for photo in found] == [True, True, False]
    assert isinstance(found[2].data, ReadError)
    assert found[2].data.kind == "too_large"
