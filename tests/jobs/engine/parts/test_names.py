from __future__ import annotations

from itertools import islice

import pytest

from jobs.engine.parts.names import part_names, shard_of


def test_first_part_is_called_like_its_shard_and_others_by_number() -> None:
    assert list(islice(part_names("files", "000-000042"), 3)) == [
        "files/part-000-000042.parquet",
        "files/part-000-000042~2.parquet",
        "files/part-000-000042~3.parquet",
    ]


def test_part_that_takes_the_place_of_others_tells_the_epoch() -> None:
    assert list(islice(part_names("files", "000-000042", 7), 2)) == [
        "files/part-000-000042.7.parquet",
        "files/part-000-000042.7~2.parquet",
    ]


@pytest.mark.parametrize("shard", ["000-000042", "1000-1000000"])
@pytest.mark.parametrize("epoch", [0, 1, 12])
def test_shard_is_known_from_every_name(shard: str, epoch: int) -> None:
    for path in islice(part_names("files", shard, epoch), 12):
        assert shard_of(path.removeprefix("files/")) == shard


@pytest.mark.parametrize(
    "name",
    [
        "part-000-000042.parquet.tmp",
        ".part-000-000042.parquet",
        "xpart-000-000042.parquet",
        "part-000-000042.a.parquet",
        "part-000-000042.1.2.parquet",
        "part-000-000042~.parquet",
        "part-000000042.parquet",
        "part-0-42.parquet",
        "000-000042.parquet",
    ],
)
def test_other_names_are_no_parts(name: str) -> None:
    assert shard_of(name) is None
