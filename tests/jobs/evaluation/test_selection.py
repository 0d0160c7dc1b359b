"""Which photos of an input a ground truth means."""

from __future__ import annotations

import pytest

from jobs.evaluation.selection import limited, select, select_keys
from jobs.members import Member
from jobs.messages.errors import UserError
from jobs.truth.names import Names

NAMES = ["0--Parade/a_1.jpg", "0--Parade/a_2.jpg", "1--Dance/a_1.jpg"]


def _members(*keys: str) -> list[Member]:
    return [Member(key, f"/in/{key}", 1, "", None) for key in keys]


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("0--Parade/a_1.jpg", "0--Parade/a_1.jpg"),
        ("images/val/1--Dance/a_1.png", "1--Dance/a_1.jpg"),
        ("a_2.jpg", "0--Parade/a_2.jpg"),
        ("flat/a_2.webp", "0--Parade/a_2.jpg"),
        ("a_1.jpg", None),  # there are two
        ("2--Other/a_1.jpg", None),
        ("0--Parade/a_3.jpg", None),
        ("0--Parade/a_1/x.jpg", None),
    ],
)
def test_a_key_stands_for_a_name(key: str, name: str | None) -> None:
    assert Names(NAMES).find(key) == name


def test_more_folders_in_common_come_first() -> None:
    names = ["images/Ann/Ann_1.jpg"]
    keys = ["aligned/Ann/Ann_1.jpg", "images/Ann/Ann_1.jpg", "Ann_1.jpg"]
    assert Names(names).choose(keys) == {names[0]: keys[1]}
    names = ["left/x/1.jpg", "right/x/1.jpg"]
    assert Names(names).find("photos/right/x/1.jpg") == names[1]


def test_the_same_ending_comes_first() -> None:
    assert Names(NAMES).choose(["0--Parade/a_2.png", "0--Parade/a_2.jpg"]) == {
        "0--Parade/a_2.jpg": "0--Parade/a_2.jpg"
    }


def test_two_photos_for_one_name_are_refused() -> None:
    with pytest.raises(UserError, match=r"'x/0--Parade/a_2.jpg' and 'y/0--Parade/a_2.jpg'"):
        select(_members("x/0--Parade/a_2.jpg", "y/0--Parade/a_2.jpg"), NAMES, None)


def test_only_named_photos_are_selected_in_the_order_of_the_listing() -> None:
    members = _members("9/z.jpg", "1--Dance/a_1.jpg", "0--Parade/a_2.jpg", "notes.txt")
    found = select(members, NAMES, None)
    assert found.is_known
    assert list(found.list()) == [members[1], members[2]]
    assert found.keys == {"0--Parade/a_2.jpg": "0--Parade/a_2.jpg", NAMES[2]: NAMES[2]}


def test_archives_are_selected_as_a_whole() -> None:
    archive = Member("x.tar", "/in/x.tar", 1, "", None, items=None)
    found = select([archive], NAMES, 1)
    assert not found.is_known
    assert list(found.list()) == [archive]


def test_a_limit_is_spread_over_the_sorted_names() -> None:
    names = [f"e/{number:02d}.jpg" for number in range(10)]
    members = _members(*reversed(names))
    found = select(members, names, 5)
    assert sorted(found.keys) == sorted(each.key for each in found.list()) == names[::2]
    assert sorted(select_keys(iter(reversed(names)), names, 5)) == names[::2]
    assert list(limited(dict.fromkeys(names, ""), 20)) == names


@pytest.mark.parametrize("keys", [[], ["other/photo.jpg"]])
def test_none_of_the_photos_is_an_error(keys: list[str]) -> None:
    with pytest.raises(UserError, match="none of the 3 photos"):
        select(_members(*keys), NAMES, None)
    with pytest.raises(UserError, match="none of the 3 photos"):
        select_keys(keys, NAMES, None)
