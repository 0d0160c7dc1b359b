"""Which photos are measured."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from jobs.extract.config import load_config
from jobs.members import Member
from jobs.photos.sample import Pick, decoded, evenly, picks
from jobs.sources.source import open_source


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
    config = load_config(None)
    source = open_source(str(tmp_path), config.input)
    members = list(source.list())
    (tmp_path / "d.png").unlink()
    red, green = decoded(source, map(Pick, members), config)
    assert (red.shape, red[0, 0].tolist()) == ((20, 30, 3), [255, 0, 0])
    assert (green.shape, green[0, 0].tolist()) == ((20, 40, 3), [0, 255, 0])


def test_nothing_is_read_before_its_turn(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.new("RGB", (30, 20)).save(tmp_path / name)
    config = load_config(None)
    source = open_source(str(tmp_path), config.input)
    photos = decoded(source, map(Pick, list(source.list())), config)
    next(photos)
    (tmp_path / "b.png").unlink()
    assert list(photos) == []


def test_containers_give_their_first_photos() -> None:
    members = [Member(name, name, 100, "", None, items=None) for name in "abc"]
    assert picks(members, 7) == [Pick(member, 3) for member in members]


def test_a_photo_of_its_own_is_picked_once() -> None:
    members = [Member(str(n), str(n), 100, "", None) for n in range(10)]
    assert picks(members, 2) == [Pick(members[0], 1), Pick(members[5], 1)]
