from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.engine.errors import UserError
from jobs.engine.plan import PLAN, Member, Plan, PlanReader, cut_into_shards
from jobs.engine.settings import ShardSizes
from jobs.engine.storage import Storage


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
    assert Plan(storage).extend(members(5), ShardSizes()) == 2
    assert planned_keys(storage) == [["k0", "k1", "k2"], ["k3", "k4"]]


def test_later_generation_is_named_after_its_number(storage: Storage) -> None:
    Plan(storage).extend(members(3), ShardSizes())
    Plan(storage).extend(members(5), ShardSizes())
    assert [spec.shard for spec in Plan(storage).shards()] == ["000-000000", "001-000000"]


def test_nothing_new_writes_nothing(storage: Storage) -> None:
    Plan(storage).extend(members(3), ShardSizes())
    before = storage.names(PLAN)
    assert Plan(storage).extend(members(3), ShardSizes()) == 0
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
    storage.publish_bytes(b"left", f"{PLAN}/generation-000-00007.parquet")
    Plan(storage).extend(members(3), ShardSizes())
    assert storage.names(PLAN) == ["generation-000-00000.parquet", "generation-000.json"]


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
    Plan(storage).extend(members(3), ShardSizes(), first=lambda: seen.append(storage.names(PLAN)))
    assert seen == [[]]
