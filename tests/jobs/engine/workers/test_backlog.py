"""The order in which shards are handed out."""

from jobs.engine.shards import ShardSpec
from jobs.engine.workers.backlog import _LAST, Backlog


def _shards(sizes: list[int]) -> list[ShardSpec]:
    return [
        ShardSpec(f"000-{index:06}", "plan", index, 1, size) for index, size in enumerate(sizes)
    ]


def _all(backlog: Backlog) -> list[int]:
    return [backlog.next().row_group for _ in range(len(backlog))]


def test_few_shards_go_by_size() -> None:
    assert _all(Backlog(_shards([3, 1, 4, 1, 5]), 5)) == [4, 2, 0, 1, 3]


def test_of_many_only_the_last_do() -> None:
    sizes = [5] * 100 + list(range(_LAST))
    expected = [*range(100), *reversed(range(100, 100 + _LAST))]
    assert _all(Backlog(_shards(sizes), len(sizes))) == expected


def test_shards_are_made_when_they_are_needed() -> None:
    made = []

    def fresh() -> object:
        for shard in _shards([1] * 1000):
            made.append(shard)
            yield shard

    backlog = Backlog(fresh(), 1000)  # type: ignore[arg-type]
    for _ in range(10):
        backlog.next()
    assert len(made) == 10


def test_what_comes_back_is_next() -> None:
    backlog = Backlog(_shards([1, 2, 3]), 3)
    first = backlog.next()
    backlog.put_back([first])
    assert len(backlog) == 3
    assert backlog.next() == first
