import pyarrow as pa

from jobs.export.batches import batch_of, batches, in_splits


def rows(shards: str, splits: str = "", size: float = 1.0) -> pa.Table:
    """A row a letter: of which shard, and of which split."""
    splits = splits or "t" * len(shards)
    return pa.table(
        {
            "split": list(splits),
            "shard": list(shards),
            "bytes": pa.array([size] * len(shards), pa.float64()),
            "row": list(range(len(shards))),
        }
    )


def cut(table: pa.Table, limit: int) -> list[tuple[str, list[int]]]:
    return [(key, rows["row"].to_pylist()) for key, rows in batches(in_splits(table), limit)]


def test_a_batch_holds_whole_shards() -> None:
    found = cut(rows("aabbbc"), 3)
    assert found == [("t-000000", [0, 1, 2, 3, 4]), ("t-000001", [5])]


def test_each_split_has_batches_of_its_own_numbered_from_zero() -> None:
    found = cut(rows("aabb", "vtvt"), 1)
    assert found == [
        ("t-000000", [1]),
        ("t-000001", [3]),
        ("v-000000", [0]),
        ("v-000001", [2]),
    ]


def test_what_is_added_changes_the_last_batch_alone() -> None:
    before, after = cut(rows("aabbc"), 2), cut(rows("aabbccdd"), 2)
    assert after[:2] == before[:2]


def test_a_key_tells_split_and_number() -> None:
    assert batch_of("my_split-000012") == ("my_split", "000012")
