"""An item for each picture of a file."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from pydantic import ValidationError

from jobs.members import Member
from jobs.photos.decode import decode
from jobs.photos.frames import as_containers, framed
from jobs.photos.read import Read
from jobs.sources.settings import FramesSetting, InputSettings
from jobs.sources.source import ReadError
from mtcnn_core.settings.images import ImageLimits

LIMITS = ImageLimits()


def picture(kind: str = "PNG", frames: int = 1) -> bytes:
    first, *more = [Image.new("RGB", (20, 20), (0, 0, 50 * i)) for i in range(frames)]
    data = io.BytesIO()
    first.save(data, kind, save_all=True, append_images=more)
    return data.getvalue()


def member(key: str) -> Member:
    return Member(key, f"/in/{key}", 1, "v", "label", items=None)


def keys(frames: FramesSetting, photos: dict[str, bytes | ReadError]) -> list[str]:
    reads = (Read(member(key), data) for key, data in photos.items())
    return [photo.member.key for photo in framed(reads, frames, LIMITS)]


def test_a_single_picture_keeps_its_key() -> None:
    photos = {"a.png": picture(), "b": b"", "c.gif": b"GIF89a", "d": ReadError("unreadable", "no")}
    assert keys("all", photos) == list(photos)


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ("first", ["a.gif"]),
        (1, ["a.gif#1"]),
        (2, ["a.gif#1", "a.gif#2"]),
        (9, ["a.gif#1", "a.gif#2", "a.gif#3"]),
        ("all", ["a.gif#1", "a.gif#2", "a.gif#3"]),
    ],
)
def test_so_many_as_are_wanted(frames: FramesSetting, expected: list[str]) -> None:
    assert keys(frames, {"a.gif": picture("GIF", 3)}) == expected


def test_no_two_items_have_one_key() -> None:
    photos: dict[str, bytes | ReadError] = {
        "a.gif": picture("GIF", 2),
        "a.gif#1": picture(),
        "a.gif#2": ReadError("unreadable", "no"),
        "a.gif#1#1": picture(),
        "#1": picture("GIF", 2),
    }
    found = keys("all", photos)
    assert len(set(found)) == len(found) == 7


def test_each_is_decoded_from_the_one_file() -> None:
    data = picture("TIFF", 3)
    items = list(framed(iter([Read(member("a.tif"), data)]), "all", LIMITS))
    assert all(item.data is data for item in items)
    found = [decode(item, LIMITS) for item in items]
    assert [photo.pixels[0, 0, 2] for photo in found if photo.pixels is not None] == [0, 50, 100]
    assert {photo.sha256 for photo in found} == {decode(Read(member("x"), data), LIMITS).sha256}
    assert {photo.bytes for photo in found} == {len(data)}
    assert {photo.member.uri for photo in found} == {"/in/a.tif"}


def test_a_plan_does_not_count_on_one_item_a_file() -> None:
    one = Member("a", "/in/a", 1, "v", None)
    assert [each.items for each in as_containers(lambda: [one], "first")()] == [1]
    assert [each.is_container for each in as_containers(lambda: [one], "all")()] == [True]


@pytest.mark.parametrize("value", ["last", 0, -1, 1.5, True])
def test_other_values_are_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        InputSettings.model_validate({"frames": value})
