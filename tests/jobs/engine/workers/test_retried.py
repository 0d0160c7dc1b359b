from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.engine.driver.compact import compact
from jobs.engine.job import Job
from jobs.engine.lease.log import Log, LogEntry
from jobs.engine.ledger.commits import commit_path, read_commits
from jobs.engine.ledger.heads import Heads
from jobs.engine.plans.plan import Plan
from jobs.engine.reports import PartReport, ShardFailure, ShardReport
from jobs.engine.settings import ShardSizes
from jobs.engine.shards import Retry, ShardSpec
from jobs.members import Member
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage
from tests.jobs.engine.mortal import files
from tests.jobs.engine.outputs import edit_record, part_digests, plan_folder, start_worker
from tests.jobs.engine.stand_in import ChecksumJob, ChecksumProcessor, File, make_folder

LOST = ("00003.txt", "00004.txt", "00009.txt")
SHARD = "000-000000"
UNREADABLE = ("unreadable",)
EPOCH = 3


@dataclass(frozen=True)
class Case:
    """An output of one shard with items that failed, and would not now.

    Attributes:
        folder: Its input.
        output: Where it is.
        spec: Its only shard.
        statuses: Of the items to be processed again.
        expected: Table -> digest of its part in an output that nothing disturbed.
    """

    folder: Path
    output: Path
    spec: ShardSpec
    statuses: tuple[str, ...] = UNREADABLE
    expected: dict[str, str] = field(default_factory=dict)

    @property
    def storage(self) -> Storage:
        return Storage(str(self.output))

    def retry(self, job: Job | None = None, **changes: object) -> ShardReport | ShardFailure:
        spec = replace(retried(self.output, self.spec, self.statuses), **changes)  # type: ignore[arg-type]
        found = start_worker(self.output, job or ChecksumJob()).run(spec)  # type: ignore[arg-type]
        assert isinstance(found, ShardReport | ShardFailure)
        return found


def retried(output: Path, spec: ShardSpec, statuses: tuple[str, ...]) -> ShardSpec:
    """A shard as the driver gives it to a worker; one begins if none is at work."""
    storage = Storage(str(output))
    log = Log(storage)
    while not (last := log.last()) or log.read(last).kind == "end" or last < EPOCH:
        log.create(LogEntry(last + 1, "begin", last + 1, "a driver"))
    [head] = Heads.read(storage).of([spec.shard])
    again = Retry(statuses, head.parts, head.verdicts)
    return replace(spec, members=None, epoch=log.read(last).epoch, retry=again)


def plan_of(output: Path, folder: Path, as_container: bool) -> ShardSpec:
    if as_container:
        plan = Plan(Storage(str(output)))
        plan.extend([Member("all", str(folder), 100, "v", None, items=None)], ShardSizes())
    else:
        plan = plan_folder(output, folder)
    [spec] = plan.shards()
    return spec


def lose(folder: Path, away: Path) -> None:
    away.mkdir()
    for name in LOST:
        (folder / name).rename(away / name)


def bring_back(folder: Path, away: Path) -> None:
    for path in away.iterdir():
        path.rename(folder / path.name)


def digests(output: Path) -> dict[str, str]:
    return {path.split("/")[0]: digest for path, digest in part_digests(output).items()}


def contents(output: Path) -> dict[str, bytes]:
    """The parts and the records."""
    return {path: (output / path).read_bytes() for path in files(output)}


@pytest.fixture
def case(tmp_path: Path) -> Case:
    folder = make_folder(tmp_path / "in", 12)
    start_worker(tmp_path / "whole").run(plan_of(tmp_path / "whole", folder, False))
    spec = plan_of(tmp_path / "out", folder, False)
    lose(folder, tmp_path / "away")
    start_worker(tmp_path / "out").run(spec)
    bring_back(folder, tmp_path / "away")
    return Case(folder, tmp_path / "out", spec, expected=digests(tmp_path / "whole"))


def new_digests(report: ShardReport | ShardFailure) -> dict[str, str]:
    assert isinstance(report, ShardReport)
    return {name: part.sha256 for name, part in report.parts.items()}


def test_parts_are_those_of_an_undisturbed_run(case: Case) -> None:
    assert digests(case.output) != case.expected
    assert new_digests(case.retry()) == case.expected


def test_only_items_with_the_status_are_touched(case: Case) -> None:
    for path in case.folder.iterdir():
        if path.name not in LOST:
            path.write_bytes(b"bug")
    assert new_digests(case.retry()) == case.expected


def test_old_parts_and_their_commit_stay(case: Case) -> None:
    before = contents(case.output)
    case.retry()
    after = contents(case.output)
    assert {path: after[path] for path in before} == before


def test_new_parts_lie_beside_the_old_ones(case: Case) -> None:
    before = files(case.output)
    report = case.retry()
    assert isinstance(report, ShardReport)
    new = {f"{name}/part-{SHARD}.{EPOCH}.parquet" for name in ("files", "lines")}
    assert {path for path in files(case.output) - before if "/log/" not in path} == new
    assert {part.path for part in report.parts.values()} == new


def test_worker_of_a_driver_that_has_gone_leaves_nothing(case: Case) -> None:
    spec = retried(case.output, case.spec, case.statuses)
    Log(case.storage).create(LogEntry(EPOCH + 1, "begin", EPOCH + 1, "another"))
    before = contents(case.output)
    start_worker(case.output).run(spec)
    assert contents(case.output) == before


def test_worker_of_a_driver_that_has_ended_leaves_nothing(case: Case) -> None:
    spec = retried(case.output, case.spec, case.statuses)
    Log(case.storage).create(LogEntry(EPOCH + 1, "end", EPOCH, "a driver"))
    before = contents(case.output)
    start_worker(case.output).run(spec)
    assert contents(case.output) == before


def test_worker_that_is_late_leaves_what_its_driver_has_put_in_place(case: Case) -> None:
    spec = retried(case.output, case.spec, case.statuses)
    worker = start_worker(case.output)
    report = worker.run(spec)
    assert isinstance(report, ShardReport)
    log = Log(case.storage)
    log.create(LogEntry(EPOCH + 1, "change", EPOCH, "a driver", retried=[report]))
    log.create(LogEntry(EPOCH + 2, "begin", EPOCH + 2, "another"))
    before = contents(case.output)
    assert isinstance(worker.run(replace(spec, attempt=2)), ShardReport)
    assert contents(case.output) == before


def test_report_is_of_the_whole_shard(case: Case) -> None:
    report = case.retry()
    assert isinstance(report, ShardReport)
    assert (report.members, dict(report.statuses), report.failed) == (12, {"ok": 12}, 0)
    assert report.retried == 3
    assert report.rows == {"files": 12, "lines": sum(n % 7 for n in range(12))}


def test_items_that_fail_again_have_their_rows(case: Case) -> None:
    (case.folder / LOST[1]).unlink()
    report = case.retry()
    assert isinstance(report, ShardReport)
    assert dict(report.statuses) == {"ok": 11, "unreadable": 1}
    assert report.failed == 1


def test_verdict_is_on_the_item_among_those_that_are_processed_again(case: Case) -> None:
    (case.folder / LOST[1]).write_bytes(b"bug")
    report = case.retry(verdicts={1: "crashed"})
    assert isinstance(report, ShardReport)
    assert report.verdicts == {LOST[1]: "crashed"}
    assert dict(report.statuses) == {"crashed": 1, "ok": 11}


def test_verdicts_on_items_that_stay_stay(case: Case) -> None:
    verdicts = {LOST[0]: "crashed", "00005.txt": "crashed"}
    edit_record(case.output / commit_path(SHARD), lambda record: record.update(verdicts=verdicts))
    report = case.retry()
    assert isinstance(report, ShardReport)
    assert report.verdicts == {"00005.txt": "crashed"}


def test_bug_is_reported_with_the_key(case: Case) -> None:
    (case.folder / LOST[2]).write_bytes(b"bug")
    before = part_digests(case.output)
    failure = case.retry()
    assert isinstance(failure, ShardFailure)
    assert failure.key == LOST[2]
    assert part_digests(case.output) == before


def test_careful_attempt_comes_to_the_same(case: Case) -> None:
    assert new_digests(case.retry(careful=True, attempt=2)) == case.expected


@pytest.fixture
def shared(tmp_path: Path) -> Plan:
    """Three shards that share the parts of `out`, and do not share those of `whole`."""
    sizes = ShardSizes(first=4, step=100, max_members=4)
    folder = make_folder(tmp_path / "in", 12)
    for output in (tmp_path / "whole", tmp_path / "out"):
        plan = plan_folder(output, folder, sizes)
    worker = start_worker(tmp_path / "whole")
    for spec in plan.shards():
        worker.run(spec)
    lose(folder, tmp_path / "away")
    worker = start_worker(tmp_path / "out")
    for spec in plan.shards():
        worker.run(spec)
    bring_back(folder, tmp_path / "away")
    compact(str(tmp_path / "out"), row_group_bytes=ChecksumJob().row_group_bytes)
    return plan


def test_slice_of_a_part_that_shards_share(tmp_path: Path, shared: Plan) -> None:
    worker = start_worker(tmp_path / "out")
    for spec in shared.shards():
        report = worker.run(retried(tmp_path / "out", spec, UNREADABLE))
        assert isinstance(report, ShardReport)
        [expected] = read_commits(Storage(str(tmp_path / "whole")), [spec.shard])
        assert new_digests(report) == new_digests(expected)


def shared_path(output: Path, table: str) -> str:
    [path] = {head.parts[table].path for head in Heads.read(Storage(str(output))).all()}
    return path


def test_own_part_tells_which_shared_one_is_stale(tmp_path: Path, shared: Plan) -> None:
    output = tmp_path / "out"
    report = start_worker(output).run(retried(output, shared.shard(1), UNREADABLE))
    assert isinstance(report, ShardReport)
    for table, part in report.parts.items():
        assert (part.first_row, part.own_bytes) == (0, None)
        assert part.stale_in == shared_path(output, table)


def test_part_that_is_not_shared_makes_none_stale(case: Case) -> None:
    report = case.retry()
    assert isinstance(report, ShardReport)
    assert [part.stale_in for part in report.parts.values()] == [None, None]


def test_shard_that_is_retried_again_before_the_others_know(tmp_path: Path, shared: Plan) -> None:
    output, spec = tmp_path / "out", shared.shard(1)
    stale = shared_path(output, "files")
    path = tmp_path / "in" / LOST[1]
    path.rename(tmp_path / "later")
    worker = start_worker(output)
    first = worker.run(retried(output, spec, UNREADABLE))
    assert isinstance(first, ShardReport)
    log = Log(Storage(str(output)))
    number = log.last()
    log.create(LogEntry(number + 1, "change", log.read(number).epoch, "a driver", retried=[first]))
    (tmp_path / "later").rename(path)
    second = worker.run(retried(output, spec, UNREADABLE))
    assert isinstance(second, ShardReport)
    [expected] = read_commits(Storage(str(tmp_path / "whole")), [spec.shard])
    assert new_digests(second) == new_digests(expected)
    assert second.parts["files"].stale_in == stale
    assert names(second.parts) == {f"{name[:-8]}~2.parquet" for name in names(first.parts)}


def names(parts: Mapping[str, PartReport]) -> set[str]:
    return {part.path for part in parts.values()}


@pytest.mark.parametrize("table", ["files", "lines"])
def test_damaged_part_is_no_base(case: Case, table: str) -> None:
    part = case.output / table / f"part-{SHARD}.parquet"
    data = bytearray(part.read_bytes())
    data[10] ^= 1
    part.write_bytes(data)
    with pytest.raises(UserError, match=f"'{table}/part-{SHARD}.parquet' is not as its commit"):
        case.retry()


def test_altered_part_is_no_base(case: Case) -> None:
    schema = ChecksumJob().schemas["files"]
    path = case.output / "files" / f"part-{SHARD}.parquet"
    rows = pq.ParquetFile(path).read().to_pylist()
    rows[0]["crc"] = 1
    pq.write_table(pa.Table.from_pylist(rows, schema), path)
    with pytest.raises(UserError, match="is not as its commit says"):
        case.retry()


def test_missing_part_is_no_base(case: Case) -> None:
    (case.output / "files" / f"part-{SHARD}.parquet").unlink()
    with pytest.raises(UserError, match="is not as its commit says"):
        case.retry()


def test_rows_of_another_schema_are_refused(case: Case) -> None:
    job = ChecksumJob()
    schemas = {name: schema.with_metadata({"a": "b"}) for name, schema in job.schemas.items()}
    with pytest.raises(UserError, match="was written by another version of this program"):
        case.retry(ChecksumJob(schemas=schemas))


class MiscountingJob(ChecksumJob):
    def start(self) -> MiscountingProcessor:
        return MiscountingProcessor(self)


class MiscountingProcessor(ChecksumProcessor):
    """Loses the last line of each file."""

    def rows(self, items: Iterator[File]) -> Iterator[tuple[str, pa.RecordBatch]]:
        for name, batch in super().rows(items):
            yield name, batch.slice(0, batch.num_rows - 1) if name == "lines" else batch


def test_items_must_have_as_many_rows_as_they_tell(case: Case) -> None:
    failure = case.retry(MiscountingJob())
    assert isinstance(failure, ShardFailure)
    assert failure.reason == "6 rows in 'lines' for items that tell of 9"


@pytest.fixture
def container(tmp_path: Path) -> Case:
    """A shard of one container; the items 2 and 7 have killed workers."""
    folder = make_folder(tmp_path / "in", 12)
    start_worker(tmp_path / "whole").run(plan_of(tmp_path / "whole", folder, True))
    spec = plan_of(tmp_path / "out", folder, True)
    start_worker(tmp_path / "out").run(replace(spec, verdicts={2: "crashed", 7: "crashed"}))
    return Case(folder, tmp_path / "out", spec, ("crashed",), digests(tmp_path / "whole"))


def test_items_of_a_container(container: Case) -> None:
    for path in container.folder.iterdir():
        if path.name not in {"00002.txt", "00007.txt"}:
            path.write_bytes(b"bug")
    report = container.retry()
    assert new_digests(report) == container.expected
    assert isinstance(report, ShardReport)
    assert (report.members, report.retried, report.verdicts) == (12, 2, {})


def test_verdict_on_an_item_of_a_container(container: Case) -> None:
    report = container.retry(verdicts={1: "crashed"})
    assert isinstance(report, ShardReport)
    assert report.verdicts == {"00007.txt": "crashed"}


def test_container_that_was_cut_off_and_is_whole_again(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in", 4)
    spec = plan_of(tmp_path / "out", folder, True)
    rest = folder / "00003.txt#offset"  # stands for what cannot be read
    rest.touch()
    start_worker(tmp_path / "out").run(replace(spec, verdicts={4: "unreadable"}))
    rest.unlink()
    make_folder(folder, 8, start=4)
    start_worker(tmp_path / "whole").run(plan_of(tmp_path / "whole", folder, True))
    report = Case(folder, tmp_path / "out", spec).retry()
    assert new_digests(report) == digests(tmp_path / "whole")
    assert isinstance(report, ShardReport)
    assert (report.members, report.retried) == (12, 8)


def test_container_that_lost_items_changes_nothing(container: Case) -> None:
    (container.folder / "00005.txt").unlink()
    before = part_digests(container.output)
    failure = container.retry()
    assert isinstance(failure, ShardFailure)
    assert failure.reason.startswith("'00005.txt' is not found again")
    assert part_digests(container.output) == before
