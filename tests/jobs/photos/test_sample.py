"""Some photos of a listing: which, and their pixels."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from PIL import Image

from jobs.members import Member
from jobs.photos.sample import Pick, evenly, picks, pixels
from jobs.sources.settings import InputSettings
from jobs.sources.source import open_source
from mtcnn_core.settings.images import ImageLimits


@pytest.mark.parametrize(
    ("listed", "count", "picked"),
    [
        (10, 5, [0, 2, 4, 6, 8]),
        (10, 3, [0, 3, 6]),
        (10, 10, list(range(10))),
        (3, 40, [0, 1, 2]),
        (1000, 1, [0]),
        (0, 40, []),
    ],
)
def test_photos_are_spread_over_the_listing(listed: int, count: int, picked: list[int]) -> None:
    assert evenly(range(listed), count) == picked


def test_what_cannot_be_decoded_is_left_out(tmp_path: Path) -> None:
    Image.new("RGB", (30, 20), (255, 0, 0)).save(tmp_path / "a.png")
    (tmp_path / "b.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    Image.new("RGB", (40, 20), (0, 255, 0)).save(tmp_path / "c.png")
    Image.new("RGB", (50, 20)).save(tmp_path / "d.png")
    source = open_source(str(tmp_path), InputSettings())
    members = list(source.list())
    (tmp_path / "d.png").unlink()
    red, green = pixels(source, map(Pick, members), ImageLimits())
    assert (red.shape, red[0, 0].tolist()) == ((20, 30, 3), [255, 0, 0])
    assert (green.shape, green[0, 0].tolist()) == ((20, 40, 3), [0, 255, 0])


def test_nothing_is_read_before_its_turn(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.new("RGB", (30, 20)).save(tmp_path / name)
    source = open_source(str(tmp_path), InputSettings())
    photos = pixels(source, map(Pick, list(source.list())), ImageLimits())
    next(photos)
    (tmp_path / "b.png").unlink()
    assert list(photos) == []


def test_containers_give_their_first_photos() -> None:
    members = [Member(name, name, 100, "", None, items=None) for name in "abc"]
    assert picks(members, 7) == [Pick(member, 3) for member in members]


def test_a_photo_of_its_own_is_picked_once() -> None:
    members = [Member(str(n), str(n), 100, "", None) for n in range(10)]
    assert picks(members, 2) == [Pick(members[0], 1), Pick(members[5], 1)]


def test_limits_hold(tmp_path: Path) -> None:
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
    Image.new("RGB", (300, 200)).save(tmp_path / "b.png")
    source = open_source(str(tmp_path), InputSettings())
    picked = list(map(Pick, source.list()))
    found = pixels(source, picked, ImageLimits(max_pixels=1000))
    assert [image.shape for image in found] == [(20, 30, 3)]


@pytest.mark.parametrize(("items", "keys"), [(None, ["a", "b", "c"]), (2, ["a", "b"])])
def test_a_pick_of_a_container_is_its_first_photos(
    tmp_path: Path, items: int | None, keys: list[str]
) -> None:
    for name in "abc":
        (tmp_path / name).write_bytes(name.encode())
    with tarfile.open(tmp_path / "photos.tar", "w") as archive:
        for name in "abc":
            archive.add(tmp_path / name, f"{name}.jpg")
    source = open_source(str(tmp_path / "photos.tar"), InputSettings())
    [member] = source.list()
    found = list(Pick(member, items).read(source, ImageLimits()))
    assert [(photo.member.key, photo.data) for photo in found] == [
        (f"{key}.jpg", key.encode()) for key in keys
    ]
