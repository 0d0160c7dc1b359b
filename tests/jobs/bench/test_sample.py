"""Which photos are measured."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from jobs.bench.sample import decoded, evenly
from jobs.config import load_config
from jobs.sources import open_source


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
    red, green = decoded(source, members, config)
    assert (red.shape, red[0, 0].tolist()) == ((20, 30, 3), [255, 0, 0])
    assert (green.shape, green[0, 0].tolist()) == ((20, 40, 3), [0, 255, 0])


def test_nothing_is_read_before_its_turn(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.new("RGB", (30, 20)).save(tmp_path / name)
    config = load_config(None)
    source = open_source(str(tmp_path), config.input)
    photos = decoded(source, list(source.list()), config)
    next(photos)
    (tmp_path / "b.png").unlink()
    assert list(photos) == []
