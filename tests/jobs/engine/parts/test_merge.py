from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from jobs.engine.ledger.heads import Heads
from jobs.engine.parts.merge import merge_parts
from jobs.engine.parts.stored import DamagedPartError
from jobs.engine.plans.plan import Plan
from jobs.engine.reports import Merged, PartReport
from jobs.engine.settings import ShardSizes
from jobs.engine.shards import Merge
from jobs.storage.storage import Storage
from tests.jobs.engine.outputs import plan_folder, start_worker
from tests.jobs.engine.stand_in import ChecksumJob, make_folder

EPOCH = 5
SIZES = ShardSizes(first=3, step=1000, max_members=3)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """Four shards of three items."""
    plan = plan_folder(tmp_path / "out", make_folder(tmp_path / "in", 12), SIZES)
    commit(tmp_path / "out", plan)
    return Storage(str(tmp_path / "out"))


def commit(output: Path, plan: Plan, job: ChecksumJob | None = None) -> None:
    worker = start_worker(output, job)
    for spec in plan.shards():
        worker.run(spec)


def parts(storage: Storage, output: str) -> dict[str, PartReport]:
    return dict(Heads.read(storage).parts(output))


def merge(
    storage: Storage, output: str = "lines", shards: dict[str, PartReport] | None = None
) -> list[Merged]:
    row_group_bytes = ChecksumJob().row_group_bytes
    found = shards or parts(storage, output)
    return list(merge_parts(storage, Merge(output, found, row_group_bytes), EPOCH))


def rows(storage: Storage, path: str, first: int = 0, count: int | None = None) -> list[object]:
    table = pq.read_table(storage.open(path))
    found: list[object] = table.slice(first, count).to_pylist()
    return found


@pytest.mark.parametrize("output", ["files", "lines"])
def test_rows_of_each_shard_are_where_it_is_said(storage: Storage, output: str) -> None:
    before = parts(storage, output)
    [merged] = merge(storage, output)
    assert list(merged.shards) == list(before)
    for shard, part in merged.parts():
        assert rows(storage, part.path, part.first_row, part.rows) == rows(
            storage, before[shard].path
        )
        assert part.size == before[shard].bytes


def test_old_parts_stay(storage: Storage) -> None:
    before = {part.path: storage.read_bytes(part.path) for part in parts(storage, "lines").values()}
    [merged] = merge(storage)
    assert merged.path == "lines/part-000-000000.5.parquet"
    assert {path: storage.read_bytes(path) for path in before} == before


def test_merging_again_gives_the_same_file(storage: Storage) -> None:
    assert merge(storage) == merge(storage)
    assert len(storage.names("lines")) == 5


def test_only_the_shards_that_are_asked_for_are_merged(storage: Storage) -> None:
    some = dict(list(parts(storage, "lines").items())[1:3])
    [merged] = merge(storage, shards=some)
    assert list(merged.shards) == list(some)
    assert merged.path == "lines/part-000-000001.5.parquet"


def test_parts_of_other_schemas_are_merged_apart(tmp_path: Path) -> None:
    schemas = {n: s.with_metadata({"a": "b"}) for n, s in ChecksumJob().schemas.items()}
    output, folder = tmp_path / "out", make_folder(tmp_path / "in", 6)
    commit(output, plan_folder(output, folder, SIZES))
    make_folder(folder, 6, start=6)
    commit(output, plan_folder(output, folder, SIZES), ChecksumJob(schemas=schemas))
    storage = Storage(str(output))
    assert [list(merged.shards) for merged in merge(storage)] == [
        ["000-000000", "000-000001"],
        ["001-000000", "001-000001"],
    ]


def test_part_that_goes_with_no_other_stays(tmp_path: Path) -> None:
    schemas = {n: s.with_metadata({"a": "b"}) for n, s in ChecksumJob().schemas.items()}
    output, folder = tmp_path / "out", make_folder(tmp_path / "in", 6)
    commit(output, plan_folder(output, folder, SIZES))
    make_folder(folder, 3, start=6)
    commit(output, plan_folder(output, folder, SIZES), ChecksumJob(schemas=schemas))
    storage = Storage(str(output))
    assert [list(merged.shards) for merged in merge(storage)] == [["000-000000", "000-000001"]]


@pytest.fixture
def stale(storage: Storage) -> dict[str, PartReport]:
    """Of four shards that share a file the second has a part of its own by now."""
    own = parts(storage, "lines")["000-000001"]
    [merged] = merge(storage)
    shared = dict(merged.parts())
    return {**shared, "000-000001": replace(own, stale_in=merged.path)}


def test_rows_that_were_replaced_are_left_out(
    storage: Storage, stale: dict[str, PartReport]
) -> None:
    expected = {
        shard: rows(storage, part.path, part.first_row, part.rows) for shard, part in stale.items()
    }
    [merged] = merge(storage, shards=stale)
    assert merged.path == "lines/part-000-000000.5.parquet"  # the rows are what they were
    for shard, part in merged.parts():
        assert rows(storage, part.path, part.first_row, part.rows) == expected[shard]
        assert part.stale_in is None


def test_other_rows_get_another_name(storage: Storage, stale: dict[str, PartReport]) -> None:
    other = replace(parts(storage, "lines")["000-000003"], stale_in=stale["000-000000"].path)
    [merged] = merge(storage, shards={**stale, "000-000001": other})
    assert merged.path == "lines/part-000-000000.5~2.parquet"


def test_only_shard_of_a_stale_file_is_written_anew(
    storage: Storage, stale: dict[str, PartReport]
) -> None:
    [merged] = merge(storage, shards={"000-000001": stale["000-000001"]})
    [(shard, part)] = merged.parts()
    assert (shard, part.stale_in) == ("000-000001", None)


@pytest.mark.parametrize("change", [{"rows": 1}, {"sha256": "0"}, {"bytes": 1}, {"path": "x"}])
def test_part_that_is_not_what_is_recorded_is_refused(
    storage: Storage, change: dict[str, object]
) -> None:
    shards = parts(storage, "lines")
    shards["000-000002"] = replace(shards["000-000002"], **change)  # type: ignore[arg-type]
    before = storage.names("lines")
    with pytest.raises(DamagedPartError, match="is not as its commit says"):
        merge(storage, shards=shards)
    assert storage.names("lines") == before


def test_file_with_rows_that_nobody_has_is_refused(storage: Storage) -> None:
    own = parts(storage, "lines")
    [merged] = merge(storage)
    shared = dict(merged.parts())
    leaves_a_gap = {**shared, "000-000003": own["000-000003"]}
    with pytest.raises(DamagedPartError):
        merge(storage, shards=leaves_a_gap)
