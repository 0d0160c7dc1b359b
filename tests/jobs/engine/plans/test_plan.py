from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.engine.plans.generation import cut_into_shards
from jobs.engine.plans.growth import Growth
from jobs.engine.plans.plan import PLAN, Plan, PlanReader
from jobs.engine.settings import ShardSizes
from jobs.members import Member
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage


def members(count: int, start: int = 0, size: int | None = 100) -> Iterator[Member]:
    for number in range(start, start + count):
        yield Member(f"k{number}", f"/in/k{number}", size, "v1", None)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path))


def planned_keys(storage: Storage) -> list[list[str]]:
    reader = PlanReader(storage)
    return [[member.key for member in reader.members(spec)] for spec in Plan(storage).shards()]


def test_shards_start_small_and_double() -> None:
    sizes = ShardSizes(first=2, step=3, max_members=5, max_bytes=10**9)
    lengths = [len(shard) for shard in cut_into_shards(members(40), sizes)]
    assert lengths == [2, 2, 2, 4, 4, 4, 5, 5, 5, 5, 2]


def test_shard_is_closed_before_it_gets_too_many_bytes() -> None:
    sizes = ShardSizes(max_bytes=250)
    assert [len(shard) for shard in cut_into_shards(members(5), sizes)] == [2, 2, 1]


def test_member_larger_than_a_shard_gets_its_own() -> None:
    sizes = ShardSizes(max_bytes=50)
    assert [len(shard) for shard in cut_into_shards(members(3), sizes)] == [1, 1, 1]


def test_members_without_size_count_by_number() -> None:
    shards = cut_into_shards(members(20, size=None), ShardSizes(max_bytes=1))
    assert [len(shard) for shard in shards] == [16, 4]


def test_members_come_back_as_they_were(storage: Storage) -> None:
    odd = [
        Member("ä/b c.jpg", "s3://b/ä/b c.jpg", None, '"etag"', "ä"),
        Member("z", "/z", 2**27, "1", None),
    ]
    Plan(storage).extend(odd, ShardSizes())
    [spec] = Plan(storage).shards()
    assert PlanReader(storage).members(spec) == odd


def test_spec_tells_members_and_bytes(storage: Storage) -> None:
    Plan(storage).extend(members(20), ShardSizes())
    told = [(spec.shard, spec.members, spec.bytes) for spec in Plan(storage).shards()]
    assert told == [("000-000000", 16, 1600), ("000-000001", 4, 400)]


def test_later_generation_holds_only_new_keys(storage: Storage) -> None:
    Plan(storage).extend(members(3), ShardSizes())
    assert Plan(storage).extend(members(5), ShardSizes()) == Growth(members=2, items=2)
    assert planned_keys(storage) == [["k0", "k1", "k2"], ["k3", "k4"]]


def test_later_generation_is_named_after_its_number(storage: Storage) -> None:
    Plan(storage).extend(members(3), ShardSizes())
    Plan(storage).extend(members(5), ShardSizes())
    assert [spec.shard for spec in Plan(storage).shards()] == ["000-000000", "001-000000"]


def test_nothing_new_writes_nothing(storage: Storage) -> None:
    Plan(storage).extend(members(3), ShardSizes())
    before = storage.names(PLAN)
    assert Plan(storage).extend(members(3), ShardSizes()) == Growth()
    assert storage.names(PLAN) == before


def test_many_shards_fill_several_files(storage: Storage) -> None:
    Plan(storage).extend(members(2001), ShardSizes(first=1, max_members=1))
    files = {spec.plan_file for spec in Plan(storage).shards()}
    assert len(files) == 3
    assert planned_keys(storage) == [[f"k{number}"] for number in range(2001)]


def test_interrupted_planning_does_not_count(storage: Storage) -> None:
    def breaks_off() -> Iterator[Member]:
        yield from members(1500)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Plan(storage).extend(breaks_off(), ShardSizes(first=1, max_members=1))
    assert Plan(storage).generations == 0


def test_planning_removes_what_an_interrupted_one_left(storage: Storage) -> None:
    for name in ("generation-000-00007", "generation-000.2-00000", "generation-000.4-00000"):
        storage.publish_bytes(b"left", f"{PLAN}/{name}.parquet")
    Plan(storage).extend(members(3), ShardSizes(), first=lambda: 3)
    # That of a later driver is not this one's to remove.
    later, own = "generation-000.4-00000.parquet", "generation-000.3-00000.parquet"
    assert storage.names(PLAN) == [own, later, "generation-000.json"]


def test_repeated_key_is_refused_with_both_places(storage: Storage) -> None:
    twice = [*members(3), Member("k1", "/elsewhere/k1", 1, "v", None)]
    sentence = "The key 'k1' stands for both '/in/k1' and '/elsewhere/k1' in the input"
    with pytest.raises(UserError, match=sentence):
        Plan(storage).extend(twice, ShardSizes())
    assert Plan(storage).generations == 0


def test_listing_is_reported(storage: Storage) -> None:
    counts: list[int] = []
    Plan(storage).extend(members(5000), ShardSizes(), listed=counts.append)
    assert counts == [4096, 5000]


def test_caller_is_told_before_anything_is_written(storage: Storage) -> None:
    seen: list[list[str]] = []

    def first() -> int:
        seen.append(storage.names(PLAN))
        return 1

    Plan(storage).extend(members(3), ShardSizes(), first=first)
    assert seen == [[]]


def container(key: str, *, version: str = "v", start: int = 0) -> Member:
    return Member(key, f"/in/{key}", 1000, version, None, items=None, start=start, stop=start + 9)


def test_items_of_a_shard_with_a_container_are_not_known(storage: Storage) -> None:
    mixed = [*members(2), container("a.tar")]
    Plan(storage).extend(mixed, ShardSizes())
    [spec] = Plan(storage).shards()
    assert spec.members is None


def test_place_of_a_part_is_stored(storage: Storage) -> None:
    part = container("a.tar#7", start=7)
    Plan(storage).extend([part], ShardSizes())
    [spec] = Plan(storage).shards()
    assert PlanReader(storage).members(spec) == [part]


def test_container_counts_as_many_items_as_its_bytes_hold(storage: Storage) -> None:
    # 1000 of 2000 bytes a shard: half of its 8 members.
    sizes = ShardSizes(first=8, max_members=8, max_bytes=2000)
    cut = cut_into_shards([*members(5), container("a.tar")], sizes)
    assert [len(shard) for shard in cut] == [5, 1]


def test_parts_of_a_known_container_are_not_new_wherever_they_are_cut(storage: Storage) -> None:
    Plan(storage).extend([container("a.tar"), container("a.tar#5", start=5)], ShardSizes())
    grown = [container("a.tar", version="w"), container("a.tar#7", version="w", start=7)]
    expected = Growth(changed=1, changed_keys=("a.tar",))
    assert Plan(storage).extend(grown, ShardSizes()) == expected


def test_parts_of_a_new_container_are_new(storage: Storage) -> None:
    Plan(storage).extend([container("a.tar")], ShardSizes())
    grown = [container("a.tar"), container("b.tar"), container("b.tar#5", start=5)]
    assert Plan(storage).extend(grown, ShardSizes()).members == 2


@pytest.mark.parametrize("change", [{"size": 101}, {"version": "w"}])
def test_changed_member_is_told_and_not_planned_again(
    storage: Storage, change: dict[str, Any]
) -> None:
    Plan(storage).extend(members(3), ShardSizes())
    first, second, third = members(3)
    listing = [first, replace(second, **change), third]
    assert Plan(storage).extend(listing, ShardSizes()) == Growth(changed=1, changed_keys=("k1",))


def test_which_shards_are_named(storage: Storage) -> None:
    for count in (2, 5):
        Plan(storage).extend(members(count), ShardSizes(first=1, max_members=1))
    names = ["000-000001", "001-000002", "001-000009", "007-000000", "else", "a-b"]
    assert np.flatnonzero(Plan(storage).which(names)).tolist() == [1, 4]


@pytest.mark.parametrize(
    "name", ["0-0", "000-00000", "000-0000001", "x", "000-000009", "\u0660\u0660\u0660-000000"]
)
def test_what_is_no_shard_of_the_plan_is_passed_over(storage: Storage, name: str) -> None:
    plan = Plan(storage)
    plan.extend(members(20), ShardSizes())
    assert plan.which([name, "000-000001"]).tolist() == [False, True]


@pytest.mark.parametrize("content", [None, b"", b"PAR1"])
def test_damaged_plan_file_is_one_sentence(storage: Storage, content: bytes | None) -> None:
    Plan(storage).extend(members(3), ShardSizes())
    path = f"{PLAN}/generation-000-00000.parquet"
    storage.delete(path)
    if content is not None:
        storage.publish_bytes(content, path)
    with pytest.raises(UserError, match=rf"'{path}' is .*: restore it from a copy, or use another"):
        Plan(storage).extend(members(5), ShardSizes())
