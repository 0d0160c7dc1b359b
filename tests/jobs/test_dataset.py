"""The committed rows of an output, read while and after all kinds of things happen to it."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from jobs.dataset import open_dataset
from jobs.engine.driver.compact import compact
from jobs.messages.errors import UserError
from tests.jobs.engine import retries
from tests.jobs.engine.outputs import finished_output, plan_folder, start_worker
from tests.jobs.engine.stand_in import LINES, make_folder

KEYS = [f"{number:05d}.txt" for number in range(20)]


def test_every_row_is_read_in_the_order_of_the_plan(tmp_path: Path) -> None:
    dataset = open_dataset(str(finished_output(tmp_path)))
    assert dataset.read("files", ["key"])["key"].to_pylist() == KEYS
    assert (dataset.rows["files"], dataset.statuses) == (20, {"ok": 20})


def test_only_what_is_committed_is_read(tmp_path: Path) -> None:
    output = tmp_path / "out"
    plan = plan_folder(output, make_folder(tmp_path / "in", 4), retries.SIZES)
    first, second = plan.shards()
    start_worker(output).run(second)
    (output / f"files/part-{first.shard}.parquet").write_bytes(b"of a worker that was lost")
    dataset = open_dataset(str(output))
    assert dataset.read("files", ["key"])["key"].to_pylist() == KEYS[2:4]
    assert not dataset.is_finished


def test_paths_are_those_of_the_parts_that_count(tmp_path: Path) -> None:
    output = finished_output(tmp_path)
    compact(str(output))
    [path] = open_dataset(str(output)).paths("files")
    assert pq.read_table(path).num_rows == 20
    assert Path(path).parent == output / "files"


@pytest.fixture
def stopped_retry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A compacted output of which rows were retried, and a kill before its parts were whole."""
    folder, output = make_folder(tmp_path / "in", 20), tmp_path / "out"
    members = retries.commit_all(str(tmp_path / "whole"), folder)
    assert len(members) == 10
    retries.lose(folder, tmp_path / "away")
    plan = plan_folder(output, tmp_path / "in", retries.SIZES)
    retries.bring_back(folder, tmp_path / "away")
    plan = plan_folder(output, folder, retries.SIZES)
    retries.lose(folder, tmp_path / "gone")
    worker = start_worker(output)
    for spec in plan.shards():
        worker.run(spec)
    compact(str(output))
    retries.bring_back(folder, tmp_path / "gone")

    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("jobs.engine.driver.working.dispatched", retries.run_here)
    monkeypatch.setattr("jobs.engine.driver.retry.merge_all", killed)
    with pytest.raises(KeyboardInterrupt):
        retries.retry(output)
    return output


def test_every_row_is_read_once_where_a_retry_was_killed(stopped_retry: Path) -> None:
    dataset = open_dataset(str(stopped_retry))
    assert sorted(dataset.read("files", ["key"])["key"].to_pylist()) == KEYS
    assert dataset.statuses == {"ok": 20}
    assert dataset.read("files", ["status"])["status"].unique().to_pylist() == ["ok"]


def test_files_with_rows_that_do_not_count_are_not_handed_out(stopped_retry: Path) -> None:
    with pytest.raises(UserError, match=r"a retry of .* was stopped: run it again, or read with"):
        open_dataset(str(stopped_retry)).paths("files")


def test_table_without_rows_has_its_schema(tmp_path: Path) -> None:
    output = tmp_path / "out"
    plan = plan_folder(output, make_folder(tmp_path / "in", 1))  # an empty file
    for spec in plan.shards():
        start_worker(output).run(spec)
    dataset = open_dataset(str(output))
    assert dataset.read("lines").schema.equals(LINES)
    assert dataset.read("lines").num_rows == 0


def test_unknown_table_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no table 'faces' in .*: there is files, lines"):
        open_dataset(str(finished_output(tmp_path))).read("faces")


def test_lost_part_is_one_sentence(tmp_path: Path) -> None:
    output = finished_output(tmp_path)
    dataset = open_dataset(str(output))
    next((output / "files").iterdir()).unlink()
    with pytest.raises(UserError, match="cannot be read: if nobody has retried or compacted it"):
        dataset.read("files")


def test_folder_without_a_job_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no job in '.*': check the path"):
        open_dataset(str(tmp_path))
