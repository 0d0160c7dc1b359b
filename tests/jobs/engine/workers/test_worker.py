from __future__ import annotations

import hashlib
import pickle
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from jobs.engine.blame.traces import ATTEMPTS, read_trace
from jobs.engine.driver.compact import compact
from jobs.engine.lease.log import Log, LogEntry
from jobs.engine.ledger.commits import committed, read_commits
from jobs.engine.plans.plan import Plan
from jobs.engine.reports import MergeReport, ShardFailure, ShardReport
from jobs.engine.settings import ShardSizes
from jobs.engine.shards import Merge, ShardSpec
from jobs.engine.workers import worker as worker_module
from jobs.engine.workers.worker import Worker
from jobs.members import Member
from jobs.messages.errors import OutputError
from jobs.storage.storage import Storage
from tests.jobs.engine.outputs import part_digests, plan_folder, start_worker
from tests.jobs.engine.stand_in import ChecksumJob, list_folder, make_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "in", 10)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out"


def plan_one(output: Path, folder: Path) -> ShardSpec:
    [spec] = plan_folder(output, folder).shards()
    return spec


def contents(output: Path) -> dict[str, bytes]:
    """All files."""
    paths = filter(Path.is_file, output.rglob("*"))
    return {str(path.relative_to(output)): path.read_bytes() for path in paths}


def statuses(output: Path) -> list[str]:
    table = pq.read_table(output / "files/part-000-000000.parquet")
    values: list[str] = table.column("status").to_pylist()
    return values


def test_each_member_becomes_a_row_in_order(output: Path, folder: Path) -> None:
    start_worker(output).run(plan_one(output, folder))
    keys = pq.read_table(output / "files/part-000-000000.parquet").column("key").to_pylist()
    assert keys == [member.key for member in list_folder(folder)]


def test_report_is_the_commit_record(output: Path, folder: Path) -> None:
    report = start_worker(output).run(plan_one(output, folder))
    assert list(read_commits(Storage(str(output)), ["000-000000"])) == [report]


def test_report_counts(output: Path, folder: Path) -> None:
    spec = plan_one(output, folder)
    (folder / "00003.txt").unlink()
    report = start_worker(output).run(spec)
    assert isinstance(report, ShardReport)
    assert dict(report.statuses) == {"ok": 9, "unreadable": 1}
    assert report.failed == 1
    assert report.rows == {"files": 10, "lines": sum(n % 7 for n in range(10)) - 3}


def test_packages_are_recorded_as_installed(output: Path, folder: Path) -> None:
    report = start_worker(output).run(plan_one(output, folder))
    assert isinstance(report, ShardReport)
    assert report.packages == {"pyarrow": pq.core.pa.__version__}


def test_verdict_becomes_a_row_and_the_member_stays_untouched(output: Path, folder: Path) -> None:
    (folder / "00004.txt").write_bytes(b"bug")
    spec = replace(plan_one(output, folder), verdicts={4: "crashed"})
    report = start_worker(output).run(spec)
    assert isinstance(report, ShardReport)
    assert report.verdicts == {"00004.txt": "crashed"}
    assert statuses(output) == ["ok"] * 4 + ["crashed"] + ["ok"] * 5


def test_bug_is_reported_with_the_key_in_hand(output: Path, folder: Path) -> None:
    (folder / "00004.txt").write_bytes(b"bug")
    failure = start_worker(output).run(plan_one(output, folder))
    assert isinstance(failure, ShardFailure)
    assert (failure.member, failure.key) == (4, "00004.txt")
    assert failure.reason == "ZeroDivisionError: a bug in the job"
    assert 'raise ZeroDivisionError("a bug in the job")' in failure.traceback


def test_bug_leaves_no_part_and_no_commit(output: Path, folder: Path) -> None:
    (folder / "00004.txt").write_bytes(b"bug")
    start_worker(output).run(plan_one(output, folder))
    assert list(output.glob("files/*")) == list(output.glob("lines/*")) == []
    assert committed(Storage(str(output))) == set()


@pytest.mark.parametrize(
    ("dropped", "sentence"),
    [
        ("00004.txt", "row for '00005.txt' where the row for '00004.txt' is due"),
        ("00009.txt", "no row in 'files' for '00009.txt'"),
    ],
)
def test_job_that_drops_a_member_is_not_committed(
    output: Path, folder: Path, dropped: str, sentence: str
) -> None:
    failure = start_worker(output, ChecksumJob(dropped=dropped)).run(plan_one(output, folder))
    assert isinstance(failure, ShardFailure)
    assert failure.reason == sentence
    assert part_digests(output) == {}


def test_bug_is_located_with_care_where_several_items_are_in_hand(
    output: Path, folder: Path
) -> None:
    (folder / "00004.txt").write_bytes(b"bug")
    worker = start_worker(output)
    worker.run(plan_one(output, folder))
    trace = read_trace(Storage(str(output)), plan_one(output, folder))
    assert trace is not None
    assert (trace.item, trace.key) == (4, "00004.txt")


def test_traces_are_removed_after_the_commit(output: Path, folder: Path) -> None:
    start_worker(output).run(replace(plan_one(output, folder), careful=True))
    assert Storage(str(output)).names(ATTEMPTS) == []


def test_output_that_cannot_be_written_is_no_bug_of_the_job(output: Path, folder: Path) -> None:
    spec = plan_one(output, folder)
    (output / "files").write_bytes(b"in the way")
    with pytest.raises(OutputError, match="cannot write the output"):
        start_worker(output).run(spec)


def test_repeating_a_shard_gives_the_same_bytes(output: Path, folder: Path) -> None:
    spec = plan_one(output, folder)
    worker = start_worker(output)
    worker.run(spec)
    before = part_digests(output)
    for path in [*output.glob("_job/commits/*"), *output.glob("*/part-*")]:
        path.unlink()
    worker.run(replace(spec, careful=True, attempt=2))
    assert part_digests(output) == before


def test_worker_that_comes_too_late_leaves_what_others_have_committed(
    output: Path, folder: Path
) -> None:
    spec = plan_one(output, folder)
    report = start_worker(output).run(spec)
    before = part_digests(output)
    (folder / "00003.txt").write_bytes(b"something else")
    assert start_worker(output).run(replace(spec, attempt=2)) == report
    assert part_digests(output) == before


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that do not look whether a shard is committed before they publish its parts."""
    monkeypatch.setattr(worker_module, "is_committed", lambda storage, shard: False)


@pytest.mark.usefixtures("hasty")
def test_worker_that_loses_the_race_removes_what_it_wrote(output: Path, folder: Path) -> None:
    spec = plan_one(output, folder)
    report = start_worker(output).run(spec)
    before = contents(output)
    (folder / "00003.txt").write_bytes(b"something else")
    assert start_worker(output).run(replace(spec, attempt=2)) == report
    assert contents(output) == before


@pytest.mark.usefixtures("hasty")
def test_worker_that_loses_the_race_with_the_same_parts_leaves_them(
    output: Path, folder: Path
) -> None:
    spec = plan_one(output, folder)
    report = start_worker(output).run(spec)
    before = contents(output)
    assert start_worker(output).run(replace(spec, attempt=2)) == report
    assert contents(output) == before


@pytest.mark.usefixtures("hasty")
def test_worker_that_is_so_late_that_the_parts_were_merged_removes_its_own(
    output: Path, folder: Path
) -> None:
    plan = plan_folder(output, folder, ShardSizes(first=5, max_members=5))
    worker = start_worker(output)
    reports = [worker.run(spec) for spec in plan.shards()]
    compact(str(output))
    before = contents(output)
    # A second attempt has its own number; with the same one the records could be the same too.
    assert worker.run(replace(plan.shard(1), attempt=2)) == reports[1]
    assert contents(output) == before


@pytest.mark.usefixtures("hasty")
def test_record_that_is_created_first_stays(output: Path, folder: Path) -> None:
    spec = plan_one(output, folder)
    start_worker(output).run(spec)
    record = (output / "_job/commits/000-000000.json").read_bytes()
    start_worker(output).run(replace(spec, attempt=2))
    assert (output / "_job/commits/000-000000.json").read_bytes() == record


def test_parts_that_a_dead_worker_has_left_are_passed_over_if_they_differ(
    output: Path, folder: Path
) -> None:
    spec = plan_one(output, folder)
    start_worker(output).run(spec)
    (output / "_job/commits/000-000000.json").unlink()
    content = (output / "files/part-000-000000.parquet").read_bytes()
    (folder / "00003.txt").write_bytes(b"something else")
    report = start_worker(output).run(spec)
    assert isinstance(report, ShardReport)
    assert {part.path for part in report.parts.values()} == {
        f"{name}/part-000-000000~2.parquet" for name in ("files", "lines")
    }
    assert (output / "files/part-000-000000.parquet").read_bytes() == content
    for part in report.parts.values():
        data = (output / part.path).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (part.bytes, part.sha256)


@pytest.fixture
def merging(output: Path, folder: Path) -> ShardSpec:
    """Two committed shards to be merged by the driver with epoch 1, as a worker gets them."""
    plan = plan_folder(output, folder, ShardSizes(first=5, max_members=5))
    worker = start_worker(output)
    reports = [worker.run(spec) for spec in plan.shards()]
    parts = {each.shard: each.parts["files"] for each in reports if isinstance(each, ShardReport)}
    Log(Storage(str(output))).create(LogEntry(1, "begin", 1, "a driver"))
    merge = Merge("files", parts, 2000)
    return ShardSpec("000-000000", "", 0, None, 0, epoch=1, merge=merge)


def test_merge_needs_no_job(output: Path, merging: ShardSpec) -> None:
    worker = Worker(str(output), {}, ())
    worker.start(pickle.dumps(None))
    report = worker.run(merging)
    assert isinstance(report, MergeReport)
    [merged] = report.merged
    assert list(merged.shards) == ["000-000000", "000-000001"]
    assert merged.path == "files/part-000-000000.1.parquet"


def test_merge_for_a_driver_that_has_gone_leaves_nothing(output: Path, merging: ShardSpec) -> None:
    Log(Storage(str(output))).create(LogEntry(2, "begin", 2, "another"))
    before = contents(output)
    start_worker(output).run(merging)
    assert contents(output) == before


@pytest.mark.parametrize(("suspect", "first"), [(None, "00002.txt"), (7, "00007.txt")])
def test_suspect_is_tried_before_all_others(
    output: Path, folder: Path, suspect: int | None, first: str
) -> None:
    (folder / "00007.txt").write_bytes(b"bug")
    (folder / "00002.txt").write_bytes(b"bug")
    spec = replace(plan_one(output, folder), careful=True, suspect=suspect)
    failure = start_worker(output).run(spec)
    assert isinstance(failure, ShardFailure)
    assert failure.key == first


def test_one_worker_runs_shards_of_several_plan_files(output: Path, folder: Path) -> None:
    plan_folder(output, folder)
    make_folder(folder, 5, start=10)
    plan_folder(output, folder)
    worker = start_worker(output)
    first, second = Plan(Storage(str(output))).shards()
    rows = [
        report.members
        for report in map(worker.run, (first, second, first))
        if isinstance(report, ShardReport)
    ]
    assert rows == [10, 5, 10]


def plan_container(output: Path, folder: Path, items: int | None) -> ShardSpec:
    plan = Plan(Storage(str(output)))
    plan.extend([Member("all", str(folder), 100, "v", None, items=items)], ShardSizes())
    [spec] = plan.shards()
    return spec


def test_items_of_a_container_are_counted_when_they_are_read(output: Path, folder: Path) -> None:
    report = start_worker(output).run(plan_container(output, folder, None))
    assert isinstance(report, ShardReport)
    assert (report.members, dict(report.statuses)) == (10, {"ok": 10})


def test_container_with_fewer_items_than_planned_is_not_committed(
    output: Path, folder: Path
) -> None:
    failure = start_worker(output).run(plan_container(output, folder, 11))
    assert isinstance(failure, ShardFailure)
    assert failure.reason == "10 rows in 'files' for 11 items"


def test_verdict_on_an_item_of_a_container_names_the_item(output: Path, folder: Path) -> None:
    spec = replace(plan_container(output, folder, None), verdicts={4: "crashed"})
    report = start_worker(output).run(spec)
    assert isinstance(report, ShardReport)
    assert report.verdicts == {"00004.txt": "crashed"}
