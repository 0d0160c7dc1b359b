from __future__ import annotations

import multiprocessing
import shutil
import signal
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.engine import rerun as rerun_module
from jobs.engine.commit import committed, quarantined, read_commits
from jobs.engine.errors import OutputError, UserError
from jobs.engine.exchange.compact import compact
from jobs.engine.exchange.exchange import EXCHANGE
from jobs.engine.exchange.journal import finish_changes
from jobs.engine.exchange.staging import STAGING
from jobs.engine.files.storage import Storage
from jobs.engine.lease.claims import CLAIMS
from jobs.engine.lease.lease import Lease
from jobs.engine.plans.plan import Plan
from jobs.engine.rerun import rerun
from jobs.engine.run import run
from jobs.engine.settings import RunSettings
from jobs.engine.shards import PartReport
from jobs.engine.status import status
from jobs.engine.verify import verify
from tests.jobs.engine.mortal import Mortal, contents, data_of, die_before, files, restore
from tests.jobs.engine.outputs import IDENTITY, part_digests
from tests.jobs.engine.retries import (
    JOB,
    LOST,
    SIZES,
    UNREADABLE,
    NoLease,
    bring_back,
    commit_all,
    lose,
    retry,
    run_here,
)
from tests.jobs.engine.stand_in import list_folder, make_folder

MEMBERS = 14  # seven shards
# What verify finds after a retry that was stopped, at most.
STOPPED = {
    "A retry was stopped before its end; run it again.",
    "All shards are done, but _SUCCESS is missing; run the job again.",
}


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards run in this process."""
    monkeypatch.setattr(rerun_module, "dispatched", run_here)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "in", MEMBERS)


def pack(output: object, target_bytes: int = 2**30) -> None:
    compact(str(output), target_bytes, row_group_bytes=JOB.row_group_bytes)


def plan_of(output: object, folder: Path) -> Plan:
    plan = Plan(Storage(str(output)))
    plan.extend(list_folder(folder), SIZES)
    return plan


@pytest.fixture
def whole(tmp_path: Path, folder: Path) -> Path:
    """An output that nothing disturbed."""
    commit_all(str(tmp_path / "whole"), folder)
    return tmp_path / "whole"


@pytest.fixture
def output(tmp_path: Path, folder: Path, whole: Path) -> Path:
    """The same with some files that could not be read; they are there again."""
    plan_of(tmp_path / "out", folder)
    lose(folder, tmp_path / "away")
    commit_all(str(tmp_path / "out"), folder)
    bring_back(folder, tmp_path / "away")
    return tmp_path / "out"


def everything(output: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of every file and folder."""
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in output.rglob("*")}


@pytest.mark.usefixtures("here")
def test_parts_become_those_of_an_undisturbed_run(output: Path, whole: Path) -> None:
    assert part_digests(output) != part_digests(whole)
    done = retry(output)
    assert part_digests(output) == part_digests(whole)
    assert (done.summary.processed, done.exit_code) == (len(LOST), 0)


@pytest.mark.usefixtures("here")
def test_output_is_verified_and_nothing_is_left_of_it(output: Path) -> None:
    before = {path for path in files(output) if not path.startswith("_job/commits")}
    retry(output)
    assert verify(str(output)) == []
    after = {path for path in files(output) if not path.startswith("_job/commits")}
    assert after - before == {"_SUCCESS", "_job/summary.json"}
    assert not (output / STAGING).exists()


@pytest.mark.usefixtures("here")
def test_other_shards_are_left_alone(output: Path) -> None:
    before = everything(output)
    retry(output)
    after = everything(output)
    changed = {
        Path(path).stem.removeprefix("part-")
        for path in before
        if path.endswith((".parquet", ".json")) and before[path] != after[path]
    }
    assert changed == {"000-000000", "000-000002", "000-000006"}


@pytest.mark.usefixtures("here")
def test_parts_that_shards_share(output: Path, whole: Path) -> None:
    pack(whole)
    pack(output)
    retry(output)
    assert part_digests(output) == part_digests(whole)
    assert verify(str(output)) == []


@pytest.mark.usefixtures("here")
def test_parts_of_which_only_some_are_shared(output: Path, whole: Path) -> None:
    commits = read_commits(Storage(str(output)), sorted(committed(Storage(str(output)))))
    target = 3 * max(report.parts["files"].bytes for report in commits)
    pack(output, target)
    assert 1 < len(list((output / "files").iterdir())) < 7
    retry(output)
    assert verify(str(output)) == []
    pack(whole)
    pack(output)
    assert part_digests(output) == part_digests(whole)


@pytest.mark.usefixtures("here")
def test_commits_are_those_of_an_undisturbed_run(output: Path, whole: Path) -> None:
    for each in (output, whole):
        pack(each)
    retry(output)
    names = sorted(committed(Storage(str(whole))))
    found, expected = (read_commits(Storage(str(each)), names) for each in (output, whole))
    for report, other in zip(found, expected, strict=True):
        assert report.parts == other.parts
        assert report.statuses == other.statuses


@pytest.mark.usefixtures("here")
def test_later_compaction_groups_as_it_would_have(output: Path, whole: Path) -> None:
    sizes = [report.parts["lines"].bytes for report in read_all(whole)]
    pack(output, sizes[0] + sizes[1])
    retry(output)
    assert [report.parts["lines"].size for report in read_all(output)] == sizes


def read_all(output: Path) -> list[Any]:
    storage = Storage(str(output))
    return list(read_commits(storage, sorted(committed(storage))))


@pytest.mark.usefixtures("here")
def test_shared_part_that_had_no_rows(tmp_path: Path, whole: Path, folder: Path) -> None:
    plan = plan_of(tmp_path / "out", folder)
    folder.rename(tmp_path / "away")
    commit_all(str(tmp_path / "out"), make_folder(folder, 0))
    folder.rmdir()
    (tmp_path / "away").rename(folder)
    pack(tmp_path / "out")
    assert [report.rows["lines"] for report in read_all(tmp_path / "out")] == [0] * len(plan)
    pack(whole)
    retry(tmp_path / "out")
    assert part_digests(tmp_path / "out") == part_digests(whole)


@pytest.mark.usefixtures("here")
def test_nothing_to_do_touches_no_file(whole: Path) -> None:
    retry(whole, ("ok",))  # which makes it a finished one
    before = everything(whole)
    done = retry(whole)
    assert everything(whole) == before
    assert (done.summary.processed, done.exit_code) == (0, 0)


@pytest.mark.usefixtures("here")
def test_items_that_fail_again_are_tried_again_each_time(output: Path, folder: Path) -> None:
    (folder / LOST[0]).unlink()
    assert retry(output).summary.status.statuses == {"ok": 13, "unreadable": 1}
    assert retry(output).summary.processed == 1
    assert verify(str(output)) == []


@pytest.mark.usefixtures("here")
def test_exit_code_goes_by_what_failed_in_all(output: Path, folder: Path) -> None:
    for name in LOST[:2]:
        (folder / name).unlink()
    settings = RunSettings(workers=1, max_failed_fraction=0.1)
    assert rerun(JOB, str(output), settings, IDENTITY, UNREADABLE).exit_code == 1


@pytest.mark.usefixtures("here")
def test_shard_with_a_bug_stays_as_it_was(output: Path, folder: Path) -> None:
    content = (folder / LOST[0]).read_bytes()
    (folder / LOST[0]).write_bytes(b"bug")
    before = (output / "files/part-000-000000.parquet").read_bytes()
    done = retry(output)
    assert (done.given_up, done.exit_code) == (1, 1)
    assert done.summary.status.statuses == {"ok": 13, "unreadable": 1}
    assert (output / "files/part-000-000000.parquet").read_bytes() == before
    assert quarantined(Storage(str(output))) == {"000-000000"}
    (folder / LOST[0]).write_bytes(content)
    assert retry(output).exit_code == 0
    assert quarantined(Storage(str(output))) == set()


@pytest.mark.usefixtures("here")
def test_another_config_is_refused(output: Path) -> None:
    other = replace(IDENTITY, config={"detect": {"min_face": 40}}, digest="another")
    before = everything(output)
    with pytest.raises(UserError, match=r"detect.min_face \(was 20, is 40\)"):
        rerun(JOB, str(output), RunSettings(), other, UNREADABLE)
    assert everything(output) == before


@pytest.mark.usefixtures("here")
def test_output_that_a_run_has_is_refused(output: Path) -> None:
    before = everything(output)
    with Lease(Storage(str(output))), pytest.raises(UserError, match="Another run"):
        retry(output)
    assert everything(output) == before


def test_other_drivers_see_that_there_is_one(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claims: list[list[str]] = []

    def watched(*arguments: Any) -> Iterator[Any]:
        claims.append(Storage(str(output)).names(CLAIMS))
        yield from run_here(*arguments)

    monkeypatch.setattr(rerun_module, "dispatched", watched)
    retry(output)
    assert [len(found) for found in claims] == [1]


@pytest.mark.usefixtures("here")
def test_what_a_stopped_retry_has_processed_is_not_lost(
    output: Path, whole: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(output)
    pack(whole)

    def stopped(*arguments: Any) -> Iterator[Any]:
        yield next(run_here(*arguments))
        raise KeyboardInterrupt

    (output / "_SUCCESS").touch()
    with monkeypatch.context() as patch:
        patch.setattr(rerun_module, "dispatched", stopped)
        with pytest.raises(KeyboardInterrupt):
            retry(output)
    assert not (output / "_SUCCESS").exists()
    assert verify(str(output)) == ["A retry was stopped before its end; run it again."]
    (folder / LOST[0]).write_bytes(b"bug")  # it is not touched again
    done = retry(output)
    assert (done.summary.processed, done.given_up) == (len(LOST) - 1, 0)
    assert part_digests(output) == part_digests(whole)


@pytest.mark.usefixtures("here")
def test_what_is_staged_for_other_parts_is_dropped(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rerun_module, "settle", lambda *arguments: None)
    monkeypatch.setattr(rerun_module, "write_summary", lambda *arguments: None)
    retry(output)
    monkeypatch.undo()
    monkeypatch.setattr(rerun_module, "dispatched", run_here)
    assert Storage(str(output)).names(STAGING)
    pack(output)
    assert retry(output).summary.processed == len(LOST)
    assert verify(str(output)) == []


@pytest.fixture
def mortal(tmp_path: Path, folder: Path, whole: Path) -> Iterator[str]:
    """An output in a store that may be told when to fail."""
    name = uuid.uuid4().hex
    plan_of(f"memory://{name}", folder)
    lose(folder, tmp_path / "away")
    commit_all(f"memory://{name}", folder)
    bring_back(folder, tmp_path / "away")
    yield f"mortal://{name}"
    Mortal.lives = sys.maxsize


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("compacted", [False, True])
def test_every_row_is_there_once_wherever_an_object_store_fails(
    mortal: str, compacted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rerun_module, "Lease", NoLease)
    if compacted:
        pack(mortal)
    before = contents(mortal)
    retry(mortal)
    expected = contents(mortal)
    assert verify(mortal) == []
    died = 0
    while True:
        restore(mortal, before)
        Mortal.lives = died
        try:
            retry(mortal)
            break
        except OutputError:
            pass
        finally:
            Mortal.lives = sys.maxsize
        check_readers(mortal, before, expected)
        if died % 2:
            finish_changes(Storage(mortal))
            assert set(verify(mortal)) <= STOPPED, f"after {died} changes"
        retry(mortal)
        assert data_of(contents(mortal)) == data_of(expected), f"after {died} changes"
        assert set(contents(mortal)) == set(expected), f"after {died} changes"
        assert verify(mortal) == [], f"after {died} changes"
        died += 1
    assert died > 20


def check_readers(output: str, before: dict[str, bytes], after: dict[str, bytes]) -> None:
    """Each shard that has a commit has parts of one and the same time, which it describes."""
    storage = Storage(output)
    for report in read_commits(storage, sorted(committed(storage))):
        times = {
            tuple(storage.read_bytes(part.path) == then[part.path] for then in (before, after))
            for part in report.parts.values()
        }
        assert all(any(then) for then in times)
        assert times - {(True, True)} in ({(True, False)}, {(False, True)}, set())
        for part in report.parts.values():
            assert_described(storage, part)


def assert_described(storage: Storage, part: PartReport) -> None:
    assert storage.read_bytes(part.path)[:4] == b"PAR1"
    assert len(storage.read_bytes(part.path)) == part.bytes


def die_at(output: str, changes: int) -> None:
    """Retries in a process that is killed before it changes one file or folder too many."""
    rerun_module.dispatched = run_here  # type: ignore[assignment]
    die_before(output, changes)
    retry(output)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "step", [pytest.param(1, marks=[pytest.mark.slow, pytest.mark.timeout(900)]), 25]
)
def test_every_row_is_there_once_wherever_the_process_is_killed(
    output: Path, whole: Path, tmp_path: Path, rng: np.random.Generator, step: int
) -> None:
    pack(output, 3 * max(report.parts["files"].bytes for report in read_all(output)))
    once = Path(shutil.copytree(output, tmp_path / "once"))
    retry(once)
    expected, expected_files = part_digests(once), files(once)
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    changes = int(rng.integers(step))
    while True:
        killed = Path(shutil.copytree(output, tmp_path / f"killed-{changes}"))
        process = processes.Process(target=die_at, args=(str(killed), changes))
        process.start()
        process.join()
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL, f"after {changes} changes"
        retry(killed)
        assert part_digests(killed) == expected, f"after {changes} changes"
        assert files(killed) == expected_files, f"after {changes} changes"
        assert verify(str(killed)) == [], f"after {changes} changes"
        changes += step
    assert changes > 60


@pytest.fixture
def halfway(mortal: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An output whose retry was killed while commits were away."""
    with monkeypatch.context() as patch:
        patch.setattr(rerun_module, "Lease", NoLease)
        patch.setattr(rerun_module, "dispatched", run_here)
        before = contents(mortal)
        died = 0
        while not (EXCHANGE in files(mortal) and len(committed(Storage(mortal))) < 7):
            restore(mortal, before)
            Mortal.lives = died = died + 1
            with pytest.raises(OutputError):
                retry(mortal)
            Mortal.lives = sys.maxsize
    return mortal


def test_status_and_verify_say_that_a_retry_is_under_way(halfway: str) -> None:
    sentence = "A retry is under way or was killed; wait for it, or run it or the job again."
    assert verify(halfway) == [sentence]
    assert status(halfway).change == sentence


def test_run_finishes_what_a_killed_retry_began(halfway: str, folder: Path) -> None:
    settings = RunSettings(workers=1, shards=SIZES)
    summary = run(JOB, lambda: list_folder(folder), halfway, settings, IDENTITY)
    assert summary.status.complete and summary.processed == 0
    assert status(halfway).change is None


def test_compaction_finishes_what_a_killed_retry_began(halfway: str) -> None:
    pack(halfway)
    assert status(halfway).complete and status(halfway).change is None
    assert {name.split("/")[0] for name in data_of(contents(halfway))} == {"files", "lines"}
    assert set(verify(halfway)) <= STOPPED


def test_on_ray(output: Path, whole: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = (folder / LOST[1]).read_bytes()
    (folder / LOST[1]).write_bytes(b"exit")  # which kills its worker
    done = retry(output)
    assert done.summary.status.statuses == {"ok": 13, "crashed": 1}
    assert done.summary.processed == len(LOST)
    assert verify(str(output)) == []
    (folder / LOST[1]).write_bytes(content)
    monkeypatch.setattr(rerun_module, "dispatched", run_here)
    retry(output, ("crashed", "timeout"))
    assert part_digests(output) == part_digests(whole)
