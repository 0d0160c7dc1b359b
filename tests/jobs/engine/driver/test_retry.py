from __future__ import annotations

import contextlib
import hashlib
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
import pyarrow.parquet as pq
import pytest

from jobs.engine.driver import again as again_module
from jobs.engine.driver import working
from jobs.engine.driver.compact import compact
from jobs.engine.driver.retry import retry_items
from jobs.engine.driver.run import run
from jobs.engine.driver.status import status
from jobs.engine.driver.verify import verify
from jobs.engine.lease.claims import CLAIMS
from jobs.engine.lease.lease import Lease
from jobs.engine.ledger import ledger as ledger_module
from jobs.engine.ledger.commits import committed, quarantined, read_commits
from jobs.engine.ledger.heads import Head, Heads
from jobs.engine.plans.plan import Plan
from jobs.engine.settings import RunSettings
from jobs.messages.errors import OutputError, UserError
from jobs.storage.storage import Storage
from tests.jobs.engine.mortal import (
    Mortal,
    contents,
    data_of,
    die_before,
    files,
    places,
    restore,
)
from tests.jobs.engine.outputs import IDENTITY, part_digests
from tests.jobs.engine.retries import (
    JOB,
    LOST,
    SIZES,
    UNREADABLE,
    bring_back,
    commit_all,
    lose,
    retry,
    run_here,
)
from tests.jobs.engine.stand_in import list_folder, make_folder

MEMBERS = 14  # seven shards
STALE = "A retry is under way or was killed; wait for it, or run it or the job again."


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards run in this process."""
    monkeypatch.setattr(working, "dispatched", run_here)


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
    before = places(files(output))
    retry(output)
    assert verify(str(output)) == []
    assert places(files(output)) - before == {"_SUCCESS", "_job/summary.json"}
    assert before <= places(files(output))


@pytest.mark.usefixtures("here")
def test_other_shards_are_left_alone(output: Path) -> None:
    before = everything(output)
    retry(output)
    after = everything(output)
    gone = {Path(path).stem for path in before if path.endswith(".parquet") and path not in after}
    assert gone == {"part-000-000000", "part-000-000002", "part-000-000006"}
    files_before = {path for path in before if Path(path).suffix in {".parquet", ".json"}}
    assert all(before[path] == after[path] for path in files_before & after.keys())


@pytest.mark.usefixtures("here")
def test_commits_stay_as_they_are(output: Path) -> None:
    before = read_all(output)
    retry(output)
    assert read_all(output) == before


@pytest.mark.usefixtures("here")
def test_parts_that_shards_share(output: Path, whole: Path) -> None:
    pack(whole)
    pack(output)
    retry(output)
    assert part_digests(output) == part_digests(whole)
    assert verify(str(output)) == []


@pytest.mark.usefixtures("here")
def test_parts_of_which_only_some_are_shared(output: Path, whole: Path) -> None:
    target = 3 * max(report.parts["files"].bytes for report in read_all(output))
    pack(output, target)
    assert 1 < len(list((output / "files").iterdir())) < 7
    retry(output)
    assert verify(str(output)) == []
    pack(whole)
    pack(output)
    assert part_digests(output) == part_digests(whole)


@pytest.mark.usefixtures("here")
def test_what_is_committed_is_what_an_undisturbed_run_commits(output: Path, whole: Path) -> None:
    for each in (output, whole):
        pack(each)
    retry(output)
    for head, other in zip(read_heads(output), read_heads(whole), strict=True):
        assert head.statuses == other.statuses
        for table, part in head.parts.items():
            assert replace(part, path="") == replace(other.parts[table], path="")


@pytest.mark.usefixtures("here")
def test_later_compaction_groups_as_it_would_have(output: Path, whole: Path) -> None:
    sizes = [report.parts["lines"].bytes for report in read_all(whole)]
    pack(output, sizes[0] + sizes[1])
    retry(output)
    assert [head.parts["lines"].size for head in read_heads(output)] == sizes


def read_heads(output: object) -> list[Head]:
    return list(Heads.read(Storage(str(output))).all())


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
    heads = read_heads(tmp_path / "out")
    assert [head.parts["lines"].rows for head in heads] == [0] * len(plan)
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
    assert retry_items(JOB, str(output), settings, IDENTITY, UNREADABLE).exit_code == 1


@pytest.mark.usefixtures("here")
def test_shard_with_a_bug_stays_as_it_was(output: Path, folder: Path) -> None:
    content = (folder / LOST[0]).read_bytes()
    (folder / LOST[0]).write_bytes(b"bug")
    before = part_digests(output)["files/000-000000"]
    done = retry(output)
    assert (done.given_up, done.exit_code) == (1, 1)
    assert done.summary.status.statuses == {"ok": 13, "unreadable": 1}
    assert part_digests(output)["files/000-000000"] == before
    assert quarantined(Storage(str(output))) == {"000-000000"}
    (folder / LOST[0]).write_bytes(content)
    assert retry(output).exit_code == 0
    assert quarantined(Storage(str(output))) == set()


@pytest.mark.usefixtures("here")
def test_another_config_is_refused(output: Path) -> None:
    other = replace(IDENTITY, config={"detect": {"min_face": 40}}, digest="another")
    before = everything(output)
    with pytest.raises(UserError, match=r"detect.min_face \(was 20, is 40\)"):
        retry_items(JOB, str(output), RunSettings(), other, UNREADABLE)
    assert everything(output) == before


@pytest.mark.usefixtures("here")
def test_output_that_a_run_has_is_refused(output: Path) -> None:
    before = everything(output)
    with Lease(Storage(str(output))), pytest.raises(UserError, match="another run"):
        retry(output)
    assert everything(output) == before


def test_other_drivers_see_that_there_is_one(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claims: list[list[str]] = []

    def watched(*arguments: Any) -> Iterator[Any]:
        claims.append(Storage(str(output)).names(CLAIMS))
        yield from run_here(*arguments)

    monkeypatch.setattr(working, "dispatched", watched)
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

    with monkeypatch.context() as patch:
        patch.setattr(working, "dispatched", stopped)
        with pytest.raises(KeyboardInterrupt):
            retry(output)
    assert not (output / "_SUCCESS").exists()
    assert verify(str(output)) == [STALE]
    (folder / LOST[0]).write_bytes(b"bug")  # it is not touched again
    done = retry(output)
    assert (done.summary.processed, done.given_up) == (len(LOST) - 1, 0)
    assert part_digests(output) == part_digests(whole)


@pytest.mark.usefixtures("here")
def test_mark_of_a_finished_job_is_away_while_a_retry_is_under_way(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    retry(output, ("ok",))
    assert (output / "_SUCCESS").exists()

    def look(*arguments: Any) -> Iterator[Any]:
        assert not (output / "_SUCCESS").exists()
        yield from run_here(*arguments)
        assert not (output / "_SUCCESS").exists()

    monkeypatch.setattr(working, "dispatched", look)
    retry(output)
    assert (output / "_SUCCESS").exists()


@pytest.mark.usefixtures("here")
def test_items_that_failed_in_a_retry_are_found_by_the_next(output: Path, folder: Path) -> None:
    for name in LOST[1:]:
        (folder / name).rename(folder.parent / name)
    retry(output)
    pack(output)
    for name in LOST[1:]:
        (folder.parent / name).rename(folder / name)
    done = retry(output)
    assert done.summary.processed == len(LOST) - 1
    assert done.summary.status.statuses == {"ok": 14}
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
    mortal: str, whole: Path, compacted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "_LEAST_SHARDS", 1)
    monkeypatch.setattr(again_module, "_REPLACE_EVERY_S", 0)  # shard by shard
    if compacted:
        pack(mortal)
        pack(whole)
    before = contents(mortal)
    then = rows_that_count(mortal)
    retry(mortal)
    expected, expected_places = data_of(contents(mortal)), places_but_checkpoints(mortal)
    now = rows_that_count(mortal)
    assert digests_of(expected) == part_digests(whole)
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
        check_readers(rows_that_count(mortal), then, now)
        if died % 2:  # the next one fails as well, a little later each time
            Mortal.lives = died // 2
            with contextlib.suppress(OutputError):
                retry(mortal)
            Mortal.lives = sys.maxsize
            check_readers(rows_that_count(mortal), then, now)
        retry(mortal)
        assert data_of(contents(mortal)) == expected, f"after {died} changes"
        assert places_but_checkpoints(mortal) == expected_places, f"after {died} changes"
        assert verify(mortal) == [], f"after {died} changes"
        died += 1
    assert died > 20


def places_but_checkpoints(output: str) -> set[str]:
    """How many of those there are tells how often a driver began."""
    return {path for path in places(files(output)) if not path.startswith("_job/checkpoints")}


def digests_of(data: dict[str, bytes]) -> dict[str, str]:
    return {place: hashlib.sha256(content).hexdigest() for place, content in data.items()}


Rows = dict[str, dict[str, list[dict[str, Any]]]]


def rows_that_count(output: str) -> Rows:
    """Shard and table -> rows, as a reader finds them that goes by the records."""
    storage = Storage(output)
    found: Rows = {}
    for head in Heads.read(storage).all():
        for table, part in head.parts.items():
            rows = pq.read_table(storage.open(part.path)).slice(part.first_row, part.rows)
            found.setdefault(head.shard, {})[table] = rows.to_pylist()
    return found


def check_readers(found: Rows, then: Rows, now: Rows) -> None:
    """Each shard has rows of one and the same time in all tables."""
    assert found.keys() == then.keys()
    for shard, rows in found.items():
        assert rows in (then[shard], now[shard])


def die_at(output: str, changes: int) -> None:
    """Retries in a process that is killed before it changes one file or folder too many."""
    working.dispatched = run_here  # type: ignore[assignment]
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
    expected, expected_files = part_digests(once), places(files(once))
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
        assert places(files(killed)) == expected_files, f"after {changes} changes"
        assert verify(str(killed)) == [], f"after {changes} changes"
        changes += step
    assert changes > 40


@pytest.fixture
def halfway(mortal: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An output whose retry was killed before shared parts had their rows again."""
    pack(mortal)
    with monkeypatch.context() as patch:
        patch.setattr(working, "dispatched", run_here)
        before = contents(mortal)
        died = 0
        while not Heads.read(Storage(mortal)).stale():
            restore(mortal, before)
            Mortal.lives = died = died + 1
            with pytest.raises(OutputError):
                retry(mortal)
            Mortal.lives = sys.maxsize
    return mortal


def test_status_and_verify_say_that_a_retry_is_under_way(halfway: str) -> None:
    assert verify(halfway) == [STALE]
    assert status(halfway).change == STALE
    assert not status(halfway).success


@pytest.mark.usefixtures("here")
def test_retry_finishes_what_a_killed_one_began(halfway: str, whole: Path) -> None:
    pack(whole)
    retry(halfway)
    assert digests_of(data_of(contents(halfway))) == part_digests(whole)
    assert verify(halfway) == []


def test_retry_with_nothing_to_process_finishes_it_too(halfway: str) -> None:
    retry(halfway, ("timeout",))
    assert status(halfway).change is None
    assert verify(halfway) == []


def test_run_finishes_what_a_killed_retry_began(halfway: str, folder: Path) -> None:
    settings = RunSettings(workers=1, shards=SIZES)
    summary = run(JOB, lambda: list_folder(folder), halfway, settings, IDENTITY)
    assert summary.status.complete and summary.processed == 0
    assert status(halfway).change is None
    assert verify(halfway) == []


def test_compaction_finishes_what_a_killed_retry_began(halfway: str) -> None:
    pack(halfway)
    assert status(halfway).complete and status(halfway).change is None
    assert sorted(data_of(contents(halfway))) == ["files/000-000000", "lines/000-000000"]
    assert verify(halfway) == []


def test_on_ray(output: Path, whole: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = (folder / LOST[1]).read_bytes()
    (folder / LOST[1]).write_bytes(b"exit")  # which kills its worker
    done = retry(output)
    assert done.summary.status.statuses == {"ok": 13, "crashed": 1}
    assert done.summary.processed == len(LOST)
    assert verify(str(output)) == []
    (folder / LOST[1]).write_bytes(content)
    monkeypatch.setattr(working, "dispatched", run_here)
    retry(output, ("crashed", "timeout"))
    assert part_digests(output) == part_digests(whole)
