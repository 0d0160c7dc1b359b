"""Runs on committed shards: photos that changed or went, and parts that were lost."""

from __future__ import annotations

import contextlib
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from jobs.engine.driver import again as again_module
from jobs.engine.driver import working
from jobs.engine.driver.compact import compact
from jobs.engine.driver.run import run
from jobs.engine.driver.status import status
from jobs.engine.driver.summary import Summary
from jobs.engine.driver.verify import verify
from jobs.engine.ledger import ledger as ledger_module
from jobs.engine.ledger.heads import Head, Heads
from jobs.engine.plans.growth import KeyClashError, News
from jobs.engine.plans.plan import Plan, PlanReader
from jobs.engine.settings import RunSettings
from jobs.members import Member, Origin
from jobs.messages.errors import OutputError, UserError
from jobs.storage.storage import Storage
from tests.jobs.engine.mortal import Mortal, contents, data_of, files, places, restore
from tests.jobs.engine.outputs import IDENTITY
from tests.jobs.engine.retries import JOB, LOST, SIZES, commit_all, retry, run_here
from tests.jobs.engine.stand_in import list_folder, make_folder

MEMBERS = 14  # seven shards


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards run in this process."""
    monkeypatch.setattr(working, "dispatched", run_here)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "in", MEMBERS)


@pytest.fixture
def output(tmp_path: Path, folder: Path) -> str:
    commit_all(str(tmp_path / "out"), folder)
    return str(tmp_path / "out")


def extract(output: str, folder: Path, **settings: Any) -> Summary:
    given = RunSettings(workers=1, shards=SIZES, **settings)
    return run(JOB, lambda: list_folder(folder), output, given, IDENTITY)


def pack(output: str) -> None:
    compact(output, row_group_bytes=JOB.row_group_bytes)


def change(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_bytes(b"another line\n" * 3)
        os.utime(folder / name, ns=(10**18, 10**18))


def keys(output: str, table: str = "files") -> list[str]:
    """Those of the rows that count, in order."""
    return [row["key"] for row in rows(output, table)]


def rows(output: str, table: str = "files") -> list[dict[str, Any]]:
    storage = Storage(output)
    found: list[dict[str, Any]] = []
    for head in Heads.read(storage).all():
        part = head.parts[table]
        read = pq.read_table(storage.open(part.path)).slice(part.first_row, part.rows)
        found += read.to_pylist()
    return found


def heads(output: str) -> list[Head]:
    return list(Heads.read(Storage(output)).all())


def planned(output: str) -> list[Member]:
    storage = Storage(output)
    plan, reader = Plan(storage, Heads.read(storage).revisions()), PlanReader(storage)
    return [member for spec in plan.shards() for member in reader.members(spec)]


# --- what has changed


@pytest.mark.parametrize("compacted", [False, True])
def test_changed_files_are_read_again_to_the_bytes_of_a_new_run(
    output: str, folder: Path, tmp_path: Path, compacted: bool
) -> None:
    if compacted:
        pack(output)
    change(folder, "00001.txt", "00007.txt")
    done = extract(output, folder, changed="redo")
    fresh = str(tmp_path / "fresh")
    commit_all(fresh, folder)
    if compacted:
        pack(fresh)
    assert (done.processed, done.exit_code) == (2, 0)
    assert data_of(contents(output)) == data_of(contents(fresh))
    assert verify(output) == []


def test_what_was_read_again_is_not_seen_as_changed_any_more(output: str, folder: Path) -> None:
    change(folder, "00001.txt")
    extract(output, folder, changed="redo")
    assert planned(output) == list(list_folder(folder))
    assert extract(output, folder, changed="redo").processed == 0


def test_what_has_changed_is_only_told_by_default(
    output: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    extract(output, folder)
    before = contents(output)
    change(folder, "00001.txt", "00007.txt")
    (folder / "00003.txt").unlink()
    assert extract(output, folder).processed == 0
    assert contents(output) == before
    assert "2 of the planned items have changed since, such as '00001.txt', '00007.txt';" in (
        caplog.text
    )
    assert "1 of the planned items are not in the input any more, such as '00003.txt';" in (
        caplog.text
    )


def test_a_retry_afterwards_goes_by_the_new_state(output: str, folder: Path) -> None:
    change(folder, "00001.txt")
    extract(output, folder, changed="redo")
    before = data_of(contents(output))
    retry(output, ("ok",))
    assert data_of(contents(output)) == before
    assert verify(output) == []
    assert planned(output) == list(list_folder(folder))


@pytest.mark.parametrize(
    ("damage", "said"),
    [(Path.unlink, "is missing"), (lambda path: path.write_bytes(b"x"), "damaged")],
)
def test_verify_looks_at_the_new_members_too(
    output: str, folder: Path, damage: Callable[[Path], Any], said: str
) -> None:
    change(folder, "00001.txt", "00007.txt")
    extract(output, folder, changed="redo")
    [revision] = Path(output, "_job/plan").glob("revision-*")
    damage(revision)
    [problem] = verify(output)
    assert f"'_job/plan/{revision.name}'" in problem and said in problem


def test_a_revision_that_never_came_to_count_is_removed(output: str, folder: Path) -> None:
    left = Path(output, "_job/plan/revision-7-00000.parquet")
    left.write_bytes(b"of a driver that was killed")
    assert verify(output) != []
    extract(output, folder)
    assert not left.exists()
    assert verify(output) == []


# --- what is gone


@pytest.mark.parametrize("compacted", [False, True])
def test_files_that_are_gone_lose_their_rows(output: str, folder: Path, compacted: bool) -> None:
    if compacted:
        pack(output)
    for name in LOST:  # both of one shard are among them
        (folder / name).unlink()
    done = extract(output, folder, gone="drop")
    left = [name for name in (f"{n:05d}.txt" for n in range(MEMBERS)) if name not in LOST]
    assert keys(output) == left
    assert done.dropped == len(LOST)
    assert (done.status.members, done.status.members_done) == (len(left), len(left))
    assert status(output).members == len(left)
    assert verify(output) == []
    assert extract(output, folder, gone="drop").dropped == 0


def test_rows_of_the_others_stay_as_they_were(output: str, folder: Path) -> None:
    before = [row for row in rows(output, "lines") if row["key"] not in LOST]
    for name in LOST:
        (folder / name).unlink()
    extract(output, folder, gone="drop")
    assert rows(output, "lines") == before


def test_a_file_that_comes_back_is_planned_anew(output: str, folder: Path) -> None:
    content = (folder / "00003.txt").read_bytes()
    (folder / "00003.txt").unlink()
    extract(output, folder, gone="drop")
    (folder / "00003.txt").write_bytes(content)
    assert extract(output, folder).new_members == 1
    assert sorted(keys(output)) == [path.name for path in sorted(folder.iterdir())]
    assert verify(output) == []


def test_keep_says_nothing(output: str, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "00003.txt").unlink()
    extract(output, folder, gone="keep")
    assert "00003.txt" not in caplog.text
    assert "00003.txt" in keys(output)


def test_what_was_planned_from_another_input_is_not_gone(
    output: str, folder: Path, tmp_path: Path
) -> None:
    other = make_folder(tmp_path / "other", 3, start=100)
    settings = RunSettings(workers=1, shards=SIZES, gone="drop")
    run(JOB, lambda: list_folder(other), output, settings, IDENTITY, inputs=[Origin("other")])
    assert len(keys(output)) == MEMBERS + 3


def test_a_file_that_is_gone_before_its_shard_is_done(output: str, folder: Path) -> None:
    make_folder(folder, 4, start=MEMBERS)
    plan = Plan(Storage(output))
    plan.extend(list_folder(folder), SIZES, news=News(plan.planned, [Origin("in")]))
    (folder / "00015.txt").unlink()
    change(folder, "00016.txt")
    extract(output, folder, gone="drop", changed="redo")
    assert planned(output) == list(list_folder(folder))
    assert {row["status"] for row in rows(output)} == {"ok"}
    assert verify(output) == []


# --- containers


def boxes(*folders: Path) -> Iterator[Member]:
    """Folders as containers."""
    for each in folders:
        size = sum(path.stat().st_size for path in each.iterdir())
        yield Member(each.name, str(each), size, str(each.stat().st_mtime_ns), None, items=None)


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    return make_folder(tmp_path / "a", 3), make_folder(tmp_path / "b", 3, start=50)


def run_boxes(output: str, listing: Callable[[], Iterator[Member]], **settings: Any) -> Summary:
    given = RunSettings(workers=1, **settings)
    return run(JOB, listing, output, given, IDENTITY)


def test_a_container_that_has_changed_is_read_again(tmp_path: Path, two: tuple[Path, Path]) -> None:
    output = str(tmp_path / "boxes")
    run_boxes(output, lambda: boxes(*two))
    make_folder(two[0], 2, start=10)
    run_boxes(output, lambda: boxes(*two), changed="redo")
    fresh = str(tmp_path / "fresh")
    run_boxes(fresh, lambda: boxes(*two))
    assert len(keys(output)) == 8
    assert data_of(contents(output)) == data_of(contents(fresh))
    assert verify(output) == []


def test_a_container_that_is_gone_loses_its_rows(tmp_path: Path, two: tuple[Path, Path]) -> None:
    output = str(tmp_path / "boxes")
    run_boxes(output, lambda: boxes(*two))
    run_boxes(output, lambda: boxes(two[1]), gone="drop")
    assert keys(output) == ["00050.txt", "00051.txt", "00052.txt"]
    assert verify(output) == []


def test_rows_of_a_container_that_is_gone_and_kept_are_not_lost_with_a_neighbours(
    tmp_path: Path, two: tuple[Path, Path]
) -> None:
    output = str(tmp_path / "boxes")
    run_boxes(output, lambda: boxes(*two))
    before = rows(output)
    make_folder(two[0], 2, start=10)
    with pytest.raises(UserError, match=r"^'b' is gone, and goes together with others.*drop too"):
        run_boxes(output, lambda: boxes(two[0]), changed="redo")
    assert rows(output) == before


def test_a_container_in_parts_is_refused(tmp_path: Path, two: tuple[Path, Path]) -> None:
    output = str(tmp_path / "boxes")

    def parts(version: str) -> Iterator[Member]:
        yield Member("a", str(two[0]), 5, version, None, items=None, stop=5)
        yield Member("a#5", str(two[0]), 5, version, None, items=None, start=5)

    Plan(Storage(output)).extend(parts("v"), SIZES)
    IDENTITY.write(Storage(output))
    before = contents(output)
    with pytest.raises(UserError, match=r"^'a' has changed and is read in parts"):
        run_boxes(output, lambda: parts("w"), changed="redo")
    assert {path: data for path, data in contents(output).items() if "log" not in path} == before


# --- equal keys


def of_input(folder: Path, output: str, *names: str, **settings: Any) -> Summary:
    given = RunSettings(workers=1, shards=SIZES, **settings)
    inputs = [Origin(name) for name in (str(folder), *names)]
    return run(JOB, lambda: list_folder(folder), output, given, IDENTITY, inputs=inputs)


def test_equal_keys_of_another_input_end_the_run_with_their_names(
    output: str, tmp_path: Path, folder: Path
) -> None:
    extract(output, folder)
    before = contents(output)
    other = make_folder(tmp_path / "other", 3, start=12)
    with pytest.raises(
        KeyClashError, match=r"\(2, such as '00012.txt', '00013.txt'; .*key_prefix="
    ):
        of_input(other, output)
    after = contents(output)
    assert {path for path in after if not path.startswith("_job/log/")} == {
        path for path in before if not path.startswith("_job/log/")
    }
    assert verify(output) == []


def test_an_input_that_was_moved_goes_on(output: str, tmp_path: Path, folder: Path) -> None:
    folder.rename(tmp_path / "moved")
    make_folder(tmp_path / "moved", 1, start=90)
    done = of_input(tmp_path / "moved", output)
    assert (done.new_members, done.processed) == (1, 1)


def test_an_input_that_was_copied_without_its_times_goes_on_if_that_is_said(
    output: str, tmp_path: Path, folder: Path
) -> None:
    other = make_folder(tmp_path / "other", MEMBERS)
    with pytest.raises(KeyClashError):
        of_input(other, output)
    done = of_input(other, output, "in")
    assert (done.new_members, done.processed) == (0, 0)


# --- lost parts


def lose_part(output: str, path: str) -> None:
    (Path(output) / path).unlink()


def cut_part(output: str, path: str) -> None:
    (Path(output) / path).write_bytes((Path(output) / path).read_bytes()[:-1])


@pytest.mark.parametrize("damage", [lose_part, cut_part])
@pytest.mark.parametrize("table", ["files", "lines"])
@pytest.mark.parametrize("compacted", [False, True])
def test_a_part_that_is_lost_is_made_anew(
    output: str,
    folder: Path,
    damage: Any,
    table: str,
    compacted: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if compacted:
        pack(output)
    extract(output, folder)
    before = data_of(contents(output))
    [path, *_] = sorted(path for path in files(output) if path.startswith(table))
    damage(output, path)
    assert verify(output) != []
    done = extract(output, folder)
    assert (done.processed, done.exit_code) == (MEMBERS if compacted else 2, 0)
    assert f"Parts are missing or damaged (1, such as '{path}')" in caplog.text
    assert verify(output) == []
    assert data_of(contents(output)) == before


def test_a_lost_part_of_a_stopped_retry_is_made_anew(
    output: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(output)

    def stopped(*arguments: Any) -> Iterator[Any]:
        yield next(run_here(*arguments))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(working, "dispatched", stopped)
        with pytest.raises(KeyboardInterrupt):
            retry(output, ("ok",))
    [shared] = {head.parts["lines"].path for head in heads(output)[1:]}
    lose_part(output, shared)
    extract(output, folder)
    assert verify(output) == []
    assert keys(output) == [f"{n:05d}.txt" for n in range(MEMBERS)]


def test_retry_of_a_lost_part_says_what_makes_it_anew(output: str, folder: Path) -> None:
    extract(output, folder)
    lose_part(output, "lines/part-000-000001.parquet")
    with pytest.raises(UserError, match=r"^parts of .* are missing .*: run the job again"):
        retry(output, ("ok",))


def test_a_shard_that_cannot_be_done_once_more_is_told_by_the_exit_code(
    output: str, folder: Path
) -> None:
    extract(output, folder)
    lose_part(output, "lines/part-000-000001.parquet")
    (folder / "00002.txt").write_bytes(b"bug")
    done = extract(output, folder)
    assert (done.given_up, done.exit_code) == (1, 1)
    assert not (Path(output) / "_SUCCESS").exists()


def test_a_finished_output_is_not_touched(output: str, folder: Path) -> None:
    extract(output, folder)
    before = {path: path.stat().st_mtime_ns for path in Path(output).rglob("*")}
    extract(output, folder, changed="redo", gone="drop")
    assert {path: path.stat().st_mtime_ns for path in Path(output).rglob("*")} == before


# --- stopped anywhere


@pytest.mark.parametrize(
    ("compacted", "step"),
    [
        (False, 3),
        (True, 7),
        pytest.param(False, 1, marks=pytest.mark.slow),
        pytest.param(True, 1, marks=pytest.mark.slow),
    ],
)
def test_the_same_command_ends_it_wherever_an_object_store_fails(
    folder: Path, compacted: bool, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "_LEAST_SHARDS", 1)
    monkeypatch.setattr(again_module, "_REPLACE_EVERY_S", 0)  # shard by shard
    name = uuid.uuid4().hex
    output = f"mortal://{name}"
    commit_all(f"memory://{name}", folder)
    if compacted:
        pack(output)
    extract(output, folder)
    [lost, *_] = sorted(path for path in files(output) if path.startswith("lines/"))
    Storage(output).delete(lost)
    change(folder, "00002.txt", "00008.txt")
    (folder / "00009.txt").unlink()
    make_folder(folder, 1, start=MEMBERS)
    before = contents(output)

    def go() -> None:
        extract(output, folder, changed="redo", gone="drop")

    try:
        go()
        expected, expected_places = data_of(contents(output)), kept(output)
        assert verify(output) == []
        assert planned(output) == list(list_folder(folder))
        died = 0
        while True:
            restore(output, before)
            Mortal.lives = died
            try:
                go()
                break
            except OutputError:
                pass
            if died % 2:  # the next one fails as well, a little later each time
                Mortal.lives = died // 2
                with contextlib.suppress(OutputError):
                    go()
            Mortal.lives = sys.maxsize
            go()
            assert data_of(contents(output)) == expected, f"after {died} changes"
            assert kept(output) == expected_places, f"after {died} changes"
            assert verify(output) == [], f"after {died} changes"
            died += step
        assert died > 20
    finally:
        Mortal.lives = sys.maxsize


def kept(output: str) -> set[str]:
    """All files but those that tell how often a driver began."""
    found = {path for path in places(files(output)) if not path.startswith("_job/checkpoints")}
    return {path for path in found if not path.startswith("_job/plan/")}
