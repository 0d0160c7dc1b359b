"""The pool on a real Ray, which is started once for all tests here."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from jobs.engine.driver.verify import verify
from jobs.engine.plans.plan import Plan
from jobs.engine.reports import ShardFailure, ShardReport
from jobs.engine.settings import RunSettings, ShardSizes
from jobs.engine.workers import pool
from jobs.engine.workers.cluster import Cluster, connect
from jobs.engine.workers.pool import Beat, Pool
from jobs.messages.errors import JobError, OutputError, UserError
from jobs.storage.storage import Storage
from tests.jobs.engine.outputs import part_digests, plan_folder
from tests.jobs.engine.stand_in import ChecksumJob, ChecksumProcessor, make_folder

SIZES = ShardSizes(first=8, step=1000)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with connect(RunSettings(workers=2)) as cluster:
        yield cluster


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "in", 40)


def run_pool(
    cluster: Cluster, output: Path, job: ChecksumJob, settings: RunSettings | None = None
) -> list[ShardReport | ShardFailure]:
    storage = Storage(str(output))
    workers = Pool(job, storage, ["pyarrow"], cluster, settings or RunSettings())
    plan = Plan(storage)
    events = workers.run(plan.shards(), len(plan))
    return [event for event in events if not isinstance(event, Beat)]


def undisturbed(cluster: Cluster, tmp_path: Path, folder: Path) -> dict[str, str]:
    output = tmp_path / "undisturbed"
    plan_folder(output, folder, SIZES)
    run_pool(cluster, output, ChecksumJob())
    return part_digests(output)


def status_of_each(output: Path) -> dict[str, str]:
    table = pq.read_table(output / "files")
    return dict(zip(table["key"].to_pylist(), table["status"].to_pylist(), strict=True))


def test_every_shard_is_committed(cluster: Cluster, tmp_path: Path, folder: Path) -> None:
    output = tmp_path / "out"
    plan_folder(output, folder, SIZES)
    events = run_pool(cluster, output, ChecksumJob())
    assert len(events) == 5
    assert verify(str(output)) == []


def test_worker_killed_once_costs_nothing(cluster: Cluster, tmp_path: Path, folder: Path) -> None:
    output = tmp_path / "out"
    # What the file becomes when the worker has died of it.
    (folder / "00012.txt").write_bytes(b"line of text\n")
    expected = undisturbed(cluster, tmp_path, folder)
    plan_folder(output, folder, SIZES)
    (folder / "00012.txt").write_bytes(b"once")
    events = run_pool(cluster, output, ChecksumJob())
    assert {event.shard: event.attempts for event in events}["000-000001"] == 2
    assert part_digests(output) == expected


@pytest.mark.parametrize("death", [b"exit", b"segfault"])
def test_member_that_kills_workers_becomes_a_row(
    cluster: Cluster, tmp_path: Path, folder: Path, death: bytes
) -> None:
    output = tmp_path / "out"
    (folder / "00012.txt").write_bytes(death)
    plan_folder(output, folder, SIZES)
    run_pool(cluster, output, ChecksumJob())
    found = status_of_each(output)
    assert found.pop("00012.txt") == "crashed"
    assert set(found.values()) == {"ok"}
    assert len(found) == 39


@pytest.mark.parametrize(
    ("deed", "status"), [(b"spin", "timeout"), (b"hold", "timeout"), (b"eat", "crashed")]
)
def test_item_that_takes_too_much_becomes_a_row(
    cluster: Cluster, tmp_path: Path, folder: Path, deed: bytes, status: str
) -> None:
    output = tmp_path / "out"
    (folder / "00012.txt").write_bytes(deed)
    plan_folder(output, folder, SIZES)
    seconds = 60 if deed == b"eat" else 3
    settings = RunSettings(item_timeout_s=seconds, kill_worker_bytes=800 << 20)
    run_pool(cluster, output, ChecksumJob(), settings)
    found = status_of_each(output)
    assert found.pop("00012.txt") == status
    assert list(found.values()) == ["ok"] * 39


def test_item_that_cannot_be_read_to_its_end_becomes_a_row(
    cluster: Cluster, tmp_path: Path, folder: Path
) -> None:
    output = tmp_path / "out"
    plan_folder(output, folder, SIZES)
    (folder / "00012.txt").unlink()
    os.mkfifo(folder / "00012.txt")  # whoever opens it waits for a writer
    run_pool(cluster, output, ChecksumJob(), RunSettings(stall_timeout_s=1))
    found = status_of_each(output)
    assert found.pop("00012.txt") == "timeout"
    assert list(found.values()) == ["ok"] * 39


def test_traces_of_lost_workers_are_removed(cluster: Cluster, tmp_path: Path, folder: Path) -> None:
    output = tmp_path / "out"
    (folder / "00012.txt").write_bytes(b"exit")
    plan_folder(output, folder, SIZES)
    run_pool(cluster, output, ChecksumJob())
    assert list((output / "_job/attempts").iterdir()) == []


def test_shard_given_up_tells_of_each_lost_worker(
    cluster: Cluster, tmp_path: Path, folder: Path
) -> None:
    output = tmp_path / "out"
    (folder / "00012.txt").write_bytes(b"spin")
    plan_folder(output, folder, SIZES)
    settings = RunSettings(item_timeout_s=5, max_attempts=2)
    events = run_pool(cluster, output, ChecksumJob(), settings)
    [failure] = [event for event in events if isinstance(event, ShardFailure)]
    assert (failure.member, failure.key) == (4, "00012.txt")
    assert failure.deaths == [
        "Attempt 1: an item took longer than 5 s, with no item in hand.",
        "Attempt 2: an item took longer than 5 s, with item 4 ('00012.txt') in hand.",
        "Attempt 3: an item took longer than 5 s, with item 4 ('00012.txt') in hand.",
    ]
    assert "stand_in.py" in failure.traceback


def test_two_such_members_in_a_shard_are_both_found(
    cluster: Cluster, tmp_path: Path, folder: Path
) -> None:
    output = tmp_path / "out"
    for name in ("00008.txt", "00015.txt"):
        (folder / name).write_bytes(b"exit")
    plan_folder(output, folder, SIZES)
    run_pool(cluster, output, ChecksumJob())
    crashed = [key for key, status in status_of_each(output).items() if status == "crashed"]
    assert crashed == ["00008.txt", "00015.txt"]


def test_bug_gives_up_its_shard_only(cluster: Cluster, tmp_path: Path, folder: Path) -> None:
    output = tmp_path / "out"
    (folder / "00012.txt").write_bytes(b"bug")
    plan_folder(output, folder, SIZES)
    events = run_pool(cluster, output, ChecksumJob())
    [failure] = [event for event in events if isinstance(event, ShardFailure)]
    assert (failure.shard, failure.key, failure.attempts) == ("000-000001", "00012.txt", 1)
    assert len(events) == 5


def test_shard_without_suspect_is_given_up(cluster: Cluster, tmp_path: Path, folder: Path) -> None:
    output = tmp_path / "out"
    plan_folder(output, make_folder(tmp_path / "few", 3), SIZES)
    job = ChecksumJob(dies_early=True)
    [failure] = run_pool(cluster, output, job, RunSettings(max_attempts=2))
    assert isinstance(failure, ShardFailure)
    assert (failure.reason, failure.attempts) == ("lost its worker 2 times", 2)


def test_job_that_does_not_start_ends_the_run(
    cluster: Cluster, tmp_path: Path, folder: Path
) -> None:
    plan_folder(tmp_path / "out", folder, SIZES)
    job = ChecksumJob(start_error=ZeroDivisionError("no start"))
    with pytest.raises(JobError, match=r"does not start in a worker(.|\n)*no start"):
        run_pool(cluster, tmp_path / "out", job)


@dataclass(frozen=True)
class LostAtStart(ChecksumJob):
    """A job whose first workers are killed while they load it."""

    losses: int = 0

    def start(self) -> ChecksumProcessor:
        processor = super().start()
        if self.notes is not None and len(list(self.notes.iterdir())) <= self.losses:
            os.kill(os.getpid(), signal.SIGKILL)
        return processor


def test_workers_killed_while_they_start_do_not_end_the_run(
    cluster: Cluster, tmp_path: Path, folder: Path
) -> None:
    plan_folder(tmp_path / "out", folder, SIZES)
    (tmp_path / "started").mkdir()
    job = LostAtStart(notes=tmp_path / "started", losses=6)
    assert len(run_pool(cluster, tmp_path / "out", job)) == 5


def test_workers_that_always_die_at_the_start_end_the_run(
    cluster: Cluster, tmp_path: Path, folder: Path
) -> None:
    plan_folder(tmp_path / "out", folder, SIZES)
    (tmp_path / "started").mkdir()
    job = LostAtStart(notes=tmp_path / "started", losses=1000)
    with pytest.raises(JobError, match="does not start in a worker"):
        run_pool(cluster, tmp_path / "out", job)


def test_user_error_at_the_start_comes_through(
    cluster: Cluster, tmp_path: Path, folder: Path
) -> None:
    plan_folder(tmp_path / "out", folder, SIZES)
    job = ChecksumJob(start_error=UserError("Get the weights first."))
    with pytest.raises(UserError, match=r"^Get the weights first\.$"):
        run_pool(cluster, tmp_path / "out", job)


def test_output_that_cannot_be_written_ends_the_run(
    cluster: Cluster, tmp_path: Path, folder: Path
) -> None:
    plan_folder(tmp_path / "out", folder, SIZES)
    (tmp_path / "out" / "files").write_bytes(b"in the way")
    with pytest.raises(OutputError, match="cannot write the output"):
        run_pool(cluster, tmp_path / "out", ChecksumJob())


def test_worker_past_the_memory_limit_is_replaced(
    cluster: Cluster, tmp_path: Path, folder: Path
) -> None:
    output, notes = tmp_path / "out", tmp_path / "notes"
    notes.mkdir()
    plan_folder(output, folder, SIZES)
    settings = RunSettings(max_worker_bytes=1)
    events = run_pool(cluster, output, ChecksumJob(notes=notes), settings)
    assert len(events) == 5
    # A worker has at most two shards when it is found too large.
    assert len(list(notes.iterdir())) >= 3


def test_worker_past_its_share_of_the_machine_is_replaced(
    cluster: Cluster, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "worker_memory", lambda memory, workers: memory // 10**6 // workers)
    output, notes = tmp_path / "out", tmp_path / "notes"
    notes.mkdir()
    plan_folder(output, folder, SIZES)
    run_pool(cluster, output, ChecksumJob(notes=notes))
    assert len(list(notes.iterdir())) >= 3


def test_no_more_workers_than_shards(cluster: Cluster, tmp_path: Path) -> None:
    output, notes = tmp_path / "out", tmp_path / "notes"
    notes.mkdir()
    plan_folder(output, make_folder(tmp_path / "few", 3), SIZES)
    run_pool(cluster, output, ChecksumJob(notes=notes))
    assert len(list(notes.iterdir())) == 1
