"""Photos and faces that are forgotten: gone from everywhere, and nothing else with them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
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
from jobs.engine.driver.forget import Forgot, forget
from jobs.engine.driver.forgetting import Target
from jobs.engine.driver.preview import preview
from jobs.engine.driver.run import run
from jobs.engine.driver.status import status
from jobs.engine.driver.summary import Summary
from jobs.engine.driver.verify import verify
from jobs.engine.erasing.search import Wanted
from jobs.engine.forgotten import Forgotten, begin_forgetting, end_forgetting
from jobs.engine.lease.lease import Lease
from jobs.engine.ledger import ledger as ledger_module
from jobs.engine.ledger.commits import is_committed, quarantined, write_failure
from jobs.engine.ledger.heads import Heads
from jobs.engine.plans.plan import Plan, PlanReader
from jobs.engine.reports import ShardFailure
from jobs.engine.settings import RunSettings
from jobs.engine.workers.worker import Worker
from jobs.members import Member
from jobs.messages.errors import NotNowError, OutputError, UserError
from jobs.storage.storage import Storage
from tests.jobs.engine.mortal import Mortal, contents, data_of, files, places, restore
from tests.jobs.engine.outputs import IDENTITY
from tests.jobs.engine.photo_job import STAR, PhotoJob, VectorJob, vector_of
from tests.jobs.engine.retries import SIZES, run_here
from tests.jobs.engine.stand_in import list_folder
from tests.jobs.engine.traces_of import holding

JOB, VECTORS = PhotoJob(), VectorJob()
MEMBERS = 13  # with the star seven shards
WHO = "07-who.txt"


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards run in this process."""
    monkeypatch.setattr(working, "dispatched", run_here)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of two to four faces each, no two the same."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(MEMBERS):
        lines = [f"crop {number} {face} {'x' * 40}\n" for face in range(2 + number % 3)]
        (folder / f"{number:02d}-who.txt").write_text("".join(lines))
    (folder / "star.txt").write_text("one\ntwo\nthree\n")
    return folder


@pytest.fixture
def output(tmp_path: Path, folder: Path) -> str:
    made(str(tmp_path / "out"), folder)
    return str(tmp_path / "out")


def made(output: str, folder: Path, **settings: Any) -> Summary:
    given = RunSettings(workers=1, shards=SIZES, **settings)
    return run(JOB, lambda: list_folder(folder), output, given, IDENTITY)


def vectors_of(output: str, folder: Path, items: int | None = None, **settings: Any) -> Summary:
    """The job over all faces at once: its only member is the folder."""
    given = RunSettings(workers=1, shards=SIZES, **settings)
    member = Member("all", str(folder), 1, "v", None, items=items)
    return run(VECTORS, lambda: [member], output, given, IDENTITY)


def target(output: str, job: PhotoJob = JOB) -> Target:
    return Target(output, tuple(job.schemas), job.failed_statuses, job.row_group_bytes)


def forgot(output: str, *keys: str, face: int | None = None, **how: Any) -> Forgot:
    return forget([target(output)], Wanted(keys, face), **how)


def pack(output: str) -> None:
    compact(output, row_group_bytes=JOB.row_group_bytes)


def rows(output: str, table: str) -> list[dict[str, Any]]:
    storage, found = Storage(output), list[dict[str, Any]]()
    for head in Heads.read(storage).all():
        part = head.parts[table]
        read = pq.read_table(storage.open(part.path)).slice(part.first_row, part.rows)
        found += read.to_pylist()
    return found


def planned(output: str) -> list[str]:
    storage = Storage(output)
    plan, reader = Plan(storage, Heads.read(storage).revisions()), PlanReader(storage)
    return [member.key for spec in plan.shards() for member in reader.members(spec)]


def bytes_of(folder: Path, key: str = WHO) -> list[str | bytes]:
    """All by which a photo is known."""
    data = (folder / key).read_bytes()
    return [key, str(folder / key), hashlib.sha256(data).hexdigest(), *data.splitlines()]


# --- a photo


@pytest.mark.parametrize("compacted", [False, True])
def test_no_byte_of_a_photo_is_left_anywhere(output: str, folder: Path, compacted: bool) -> None:
    if compacted:
        pack(output)
    assert len(holding(output, *bytes_of(folder))) == 3  # it would be found
    forgot(output, WHO)
    assert holding(output, *bytes_of(folder)) == []
    assert verify(output) == []


@pytest.mark.parametrize("compacted", [False, True])
def test_files_are_those_of_a_run_that_had_lost_it(
    output: str, folder: Path, tmp_path: Path, compacted: bool
) -> None:
    other = str(tmp_path / "other")
    made(other, folder)
    if compacted:
        pack(output)
        pack(other)
    (folder / WHO).rename(tmp_path / "away")
    made(other, folder, gone="drop")
    forgot(output, WHO)
    assert data_of(contents(output)) == data_of(contents(other))


def test_files_of_other_shards_are_not_touched(output: str) -> None:
    before = contents(output)
    forgot(output, WHO)
    after = contents(output)
    parts = {path for path in before if path.endswith(".parquet") and path[0] != "_"}
    assert parts - after.keys() == {
        "faces/part-000-000003.parquet",
        "photos/part-000-000003.parquet",
    }
    assert all(before[path] == after[path] for path in parts & after.keys())


def test_shards_in_the_same_file_are_not_taken_for_made_anew(output: str) -> None:
    pack(output)
    before = {head.shard: head.made for head in Heads.read(Storage(output)).all()}
    forgot(output, WHO)
    after = {head.shard: head.made for head in Heads.read(Storage(output)).all()}
    assert [shard for shard in before if before[shard] != after[shard]] == ["000-000003"]


def test_later_runs_do_not_bring_it_back(output: str, folder: Path) -> None:
    forgot(output, WHO)
    (folder / WHO).write_bytes(b"it looks different now\n")
    (folder / "new.txt").write_bytes(b"new\n")
    done = made(output, folder, changed="redo", gone="drop")
    assert (done.new_members, done.processed, done.dropped) == (1, 1, 0)
    assert WHO not in planned(output)
    assert holding(output, WHO) == []
    assert verify(output) == []


def test_a_preview_does_not_take_it_for_new(output: str, folder: Path) -> None:
    forgot(output, WHO)
    settings = RunSettings(workers=1, shards=SIZES)
    found = preview(list_folder(folder), output, settings, IDENTITY, store=False)
    assert (found.growth.members, found.shards) == (0, 0)


def test_a_lost_part_is_made_anew_without_it(output: str, folder: Path) -> None:
    forgot(output, WHO)
    before = data_of(contents(output))
    Path(output, "faces/part-000-000003.1.parquet").unlink(missing_ok=True)
    for path in Path(output, "faces").glob("part-000-000003*"):
        path.unlink()
    assert made(output, folder).processed == 1
    assert data_of(contents(output)) == before
    assert verify(output) == []


def test_copies_under_other_keys_go_too(output: str, folder: Path) -> None:
    (folder / "copy.txt").write_bytes((folder / WHO).read_bytes())
    made(output, folder)
    assert forgot(output, WHO).copies == ["copy.txt"]
    assert holding(output, "copy.txt", *bytes_of(folder)) == []
    assert made(output, folder).new_members == 0


def test_a_shard_of_nothing_else_stays_as_an_empty_one(output: str, folder: Path) -> None:
    forgot(output, "06-who.txt", WHO)
    assert holding(output, "06-who.txt", *bytes_of(folder)) == []
    assert [head.statuses for head in Heads.read(Storage(output)).all()][3] == {}
    assert verify(output) == []
    assert made(output, folder).processed == 0


def test_the_tombstone_names_nobody(output: str) -> None:
    forgot(output, WHO)
    [stones] = Path(output, "_job/forgotten").glob("tombstones-*")
    plain = [
        hashlib.blake2b(text.encode(), digest_size=16).hexdigest() for text in (WHO, f"key\0{WHO}")
    ]
    assert not any(text in stones.read_text() for text in (WHO, *plain))


def test_forgetting_twice_changes_nothing(output: str) -> None:
    forgot(output, WHO)
    before = contents(output)
    assert forgot(output, WHO).outputs[0].is_nothing
    assert contents(output) == before


# --- a face


def test_a_face_leaves_its_photo(output: str, folder: Path) -> None:
    forgot(output, WHO, face=1)
    crops = (folder / WHO).read_bytes().splitlines()
    assert holding(output, crops[1]) == []
    assert [row["face_index"] for row in rows(output, "faces") if row["key"] == WHO] == [0, 2]
    assert [row["num_faces"] for row in rows(output, "photos") if row["key"] == WHO] == [
        len(crops) - 1
    ]
    assert verify(output) == []


def test_a_face_leaves_the_lists_that_name_it(output: str) -> None:
    others = [row["crop"] for row in rows(output, "faces")]
    found = forgot(output, "star.txt", face=1)
    assert found.outputs[0].entries == 2 * len(others)
    after = rows(output, "faces")
    assert {tuple(row["evidence"]) for row in after} == {()}
    assert [row["crop"] for row in after] == [crop for crop in others if crop != b"two"]
    assert verify(output) == []


def test_a_photo_leaves_the_lists_that_name_its_faces(output: str) -> None:
    assert STAR in rows(output, "faces")[0]["evidence"]
    forgot(output, "star.txt")
    assert holding(output, "star.txt") == []


@pytest.mark.parametrize("items", [None, 41])
def test_a_face_leaves_vectors_and_is_passed_over_when_they_are_made_anew(
    tmp_path: Path, folder: Path, items: int | None
) -> None:
    output = str(tmp_path / "vectors")
    assert vectors_of(output, folder, items).processed == 41
    vector = np.float32(vector_of((folder / WHO).read_bytes().splitlines()[1])).tobytes()
    assert holding(output, vector) != []
    forget([target(output, VECTORS)], Wanted((WHO,), 1))
    assert holding(output, vector) == []
    assert verify(output) == []
    before = data_of(contents(output))
    [part] = Path(output, "vectors").iterdir()
    part.unlink()
    assert vectors_of(output, folder, items).processed == 40
    assert data_of(contents(output)) == before
    assert verify(output) == []


# --- several outputs


def test_copies_that_one_output_knows_leave_the_other_too(
    output: str, tmp_path: Path, folder: Path
) -> None:
    (folder / "copy.txt").write_bytes((folder / WHO).read_bytes())
    made(output, folder)
    vectors = str(tmp_path / "vectors")
    vectors_of(vectors, folder)
    forget([target(output), target(vectors, VECTORS)], Wanted((WHO,)))
    assert holding(vectors, "copy.txt", WHO) == []
    assert verify(vectors) == verify(output) == []


def test_nothing_is_touched_where_one_of_them_is_in_use(
    output: str, tmp_path: Path, folder: Path
) -> None:
    other = str(tmp_path / "other")
    made(other, folder)
    before = contents(output)
    with Lease(Storage(other)), pytest.raises(NotNowError):
        forget([target(output), target(other)], Wanted((WHO,)))
    assert contents(output) == before


# --- what names it besides


def test_verdicts_lose_its_name_in_commits_log_and_checkpoints(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "_LEAST_SHARDS", 1)
    output = str(tmp_path / "out")

    def convicting(*arguments: Any) -> Iterator[Any]:
        job, storage, packages, _, work, *_ = arguments
        worker = Worker(storage.url, storage.options, packages)
        worker.start(pickle.dumps(job))
        for spec in work()[0]:
            yield worker.run(replace(spec, careful=True, verdicts={1: "crashed"}))

    monkeypatch.setattr(working, "dispatched", convicting)
    made(output, folder)
    Path(output, "faces/part-000-000003.parquet").unlink()
    made(output, folder)  # a change of the log says so too
    named = holding(output, WHO)
    assert {path.split("/")[1] for path in named} >= {"commits", "log", "checkpoints"}
    forgot(output, WHO)
    assert holding(output, WHO) == []
    assert verify(output) == []


def test_members_that_were_read_again_lose_it_too(output: str, folder: Path) -> None:
    for name in (WHO, "02-who.txt"):
        (folder / name).write_bytes(b"another crop of " + name.encode() + b"\n")
        os.utime(folder / name, ns=(10**18, 10**18))
    made(output, folder, changed="redo")
    before = {head.shard: head.made for head in Heads.read(Storage(output)).all()}
    forgot(output, WHO)
    assert holding(output, *bytes_of(folder)) == []
    assert verify(output) == []
    after = {head.shard: head.made for head in Heads.read(Storage(output)).all()}
    assert [shard for shard in before if before[shard] != after[shard]] == ["000-000003"]
    assert made(output, folder, changed="redo", gone="drop").processed == 0


def test_an_output_that_is_not_finished_forgets_it(tmp_path: Path, folder: Path) -> None:
    output = str(tmp_path / "out")
    storage = Storage(output)

    def some(*arguments: Any) -> Iterator[Any]:
        results = run_here(*arguments)
        yield next(results)
        yield next(results)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(working, "dispatched", some)
        with contextlib.suppress(KeyboardInterrupt):
            made(output, folder)
    # What a worker that was killed has left, and one that was given up.
    storage.publish_bytes(b"with " + WHO.encode(), "faces/part-000-000003.parquet")
    storage.publish_bytes(WHO.encode(), "_job/attempts/000-000003-run-1.json")
    failure = ShardFailure("000-000004", f"cannot read {folder / WHO}", 1, None, None, "", [])
    write_failure(storage, failure)
    # And a planning that was killed.
    Path(output, "_job/plan/generation-001.1-00000.parquet").write_bytes(WHO.encode())
    forgot(output, WHO)
    assert holding(output, *bytes_of(folder)) == []
    assert quarantined(storage) == set()
    made(output, folder)
    assert holding(output, *bytes_of(folder)) == []
    assert verify(output) == []
    assert len(rows(output, "photos")) == MEMBERS


def test_a_worker_that_outlives_its_driver_does_not_bring_it_back(
    output: str, folder: Path
) -> None:
    (folder / "new.txt").write_bytes(b"new\n")
    storage = Storage(output)
    plan = Plan(storage)
    plan.extend(list_folder(folder), SIZES)
    worker = Worker(output, {}, [])
    worker.start(pickle.dumps(JOB))
    forgot(output, WHO)
    with pytest.raises(OutputError, match=r"^something was forgotten in .* since this worker"):
        worker.run(plan.named("001-000000"))
    assert not is_committed(storage, "001-000000")


# --- what is said


def test_what_nobody_has_is_an_error(output: str) -> None:
    before = contents(output)
    for keys, face, said in (
        (["nobody.txt"], None, r"^there is no 'nobody.txt' in .*: check the key$"),
        ([WHO], 7, r"^there is no face 7 of '07-who.txt' in .*: check key and number$"),
        ([], None, r"^nothing is to be forgotten: name a photo with --key$"),
    ):
        with pytest.raises(UserError, match=said):
            forgot(output, *keys, face=face)
    assert contents(output) == before


def test_a_dry_run_tells_and_writes_nothing(output: str) -> None:
    before = contents(output)
    [found] = forgot(output, WHO, dry_run=True).outputs
    assert (found.rows, found.parts, found.members) == ({"photos": 1, "faces": 3}, 2, 1)
    assert contents(output) == before


def test_verify_finds_what_has_a_tombstone(output: str) -> None:
    storage, forgotten = Storage(output), Forgotten()
    begin_forgetting(storage, forgotten, [forgotten.tombstone(WHO)], 1)
    end_forgetting(storage)
    found = verify(output)
    assert [problem.partition(";")[0] for problem in found] == [
        "faces/part-000-000003.parquet has 3 rows of what was forgotten",
        "photos/part-000-000003.parquet has 1 rows of what was forgotten",
        "_job/plan/generation-000.1-00000.parquet has members that were forgotten",
    ]
    forgot(output)  # without a name, what has a tombstone
    assert verify(output) == []
    assert holding(output, WHO) == []


def test_until_it_is_ended_all_else_waits(output: str, folder: Path) -> None:
    storage, forgotten = Storage(output), Forgotten()
    begin_forgetting(storage, forgotten, [forgotten.tombstone(WHO)], 1)
    storage.delete("_SUCCESS")
    said = "A forget is under way or was killed; wait for it, or run it again."
    assert verify(output) == [said]
    assert status(output).change == said
    for command in (lambda: made(output, folder), lambda: pack(output)):
        with pytest.raises(UserError, match=r"^a forget of .* was stopped half-way: run"):
            command()
    forgot(output, WHO)
    assert verify(output) == []


# --- stopped anywhere


@pytest.mark.parametrize(
    ("compacted", "step"),
    [
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
    output, vectors = f"mortal://{name}/out", f"mortal://{name}/vectors"
    made(output, folder)
    vectors_of(vectors, folder)
    (folder / WHO).write_bytes(b"seen otherwise\nand the other\n")
    (folder / "02-who.txt").write_bytes(b"another crop of 2\n")
    (folder / "copy.txt").write_bytes(b"seen otherwise\nand the other\n")
    made(output, folder, changed="redo")
    if compacted:
        pack(output)
    before = {each: contents(each) for each in (output, vectors)}

    def go() -> None:
        forget([target(output), target(vectors, VECTORS)], Wanted((WHO,)))

    def found() -> list[Any]:
        return [(data_of(contents(each)), kept(each)) for each in before]

    try:
        go()
        expected = found()
        died = 0
        while True:
            for each, saved in before.items():
                restore(each, saved)
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
            assert found() == expected, f"after {died} changes"
            assert verify(output) == verify(vectors) == [], f"after {died} changes"
            for each in before:
                left = holding(each, "copy.txt", *bytes_of(folder))
                assert left == [], f"after {died} changes"
            died += step
        assert died > 20
    finally:
        Mortal.lives = sys.maxsize


def kept(output: str) -> set[str]:
    """All files but those that tell how often a driver began."""
    apart = ("_job/checkpoints", "_job/plan/", "_job/forgotten/tombstones")
    return {path for path in places(files(output)) if not path.startswith(apart)}
