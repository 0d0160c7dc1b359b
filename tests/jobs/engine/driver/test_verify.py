from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import numpy as np
import pyarrow as pa
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from jobs.engine.driver.compact import compact
from jobs.engine.driver.run import run
from jobs.engine.driver.status import STOPPED_RETRY
from jobs.engine.driver.verify import verify
from jobs.engine.lease.log import Log, LogEntry
from jobs.engine.ledger import ledger as ledger_module
from jobs.engine.ledger.card import CARD
from jobs.engine.ledger.checkpoints import CHECKPOINTS, SCHEMA, row_of, write_checkpoint
from jobs.engine.ledger.commits import read_commits, write_failure
from jobs.engine.ledger.heads import Heads
from jobs.engine.plans.plan import Plan
from jobs.engine.reports import ShardFailure
from jobs.engine.settings import RunSettings, ShardSizes
from jobs.members import Member
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage
from tests.jobs.engine.damage import (
    EVERYWHERE,
    ONCE,
    exchange,
    files,
    remove,
    rewrite_part,
    set_part,
)
from tests.jobs.engine.outputs import IDENTITY, edit_record, finished_output, start_worker
from tests.jobs.engine.stand_in import ChecksumJob, list_folder, make_folder

PART = "files/part-000-000000.parquet"
LINES = "lines/part-000-000000.parquet"
COMMIT = "_job/commits/000-000000.json"
INDEX = "_job/plan/generation-000.json"
PLAN_FILE = "_job/plan/generation-000-00000.parquet"
FAILED = {IDENTITY.job: ChecksumJob().failed_statuses}


def check(output: Path) -> list[str]:
    return verify(str(output), failed_statuses=FAILED)


def edit_commit(output: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    edit_record(output / COMMIT, edit)


def flip_a_byte(output: Path, path: str = PART) -> None:
    data = bytearray((output / path).read_bytes())
    data[len(data) // 2] ^= 1
    (output / path).write_bytes(data)


def cut_short(output: Path) -> None:
    (output / PART).write_bytes((output / PART).read_bytes()[:-1])


def set_count(output: Path, name: str, rows: int) -> None:
    def edit(record: dict[str, Any]) -> None:
        record["parts"][name]["rows"] = record["rows"][name] = rows

    edit_commit(output, edit)


def set_rows(output: Path) -> None:
    set_count(output, "lines", 1)


def set_primary_rows(output: Path) -> None:
    set_count(output, "files", 15)


def set_members(output: Path) -> None:
    edit_commit(output, lambda record: record.update(members=15))


def set_statuses(output: Path) -> None:
    edit_commit(output, lambda record: record.update(statuses={"ok": 15}))


def set_other_statuses(output: Path) -> None:
    edit_commit(output, lambda record: record.update(statuses={"ok": 15, "odd": 1}))


def set_failed(output: Path) -> None:
    edit_commit(output, lambda record: record.update(failed=1))


def set_bytes(output: Path) -> None:
    edit_commit(output, lambda record: record.update(bytes=1))


def set_path(output: Path) -> None:
    edit_commit(output, lambda record: record["parts"]["files"].update(path="../in/00001.txt"))


def set_shard(output: Path) -> None:
    edit_commit(output, lambda record: record.update(shard="000-000001"))


def edit_merged(output: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Changes what the log says of the parts of the first table."""
    [path] = (path for path in log(output) if json.loads(path.read_text())["merged"])
    edit_record(path, lambda record: edit(record["merged"][0]))


def log(output: Path) -> list[Path]:
    """The entries."""
    return sorted((output / "_job/log").iterdir())


def add_part(output: Path) -> None:
    (output / "lines/part-000-000009.parquet").write_bytes(b"")


def add_commit(output: Path) -> None:
    (output / "_job/commits/007-000000.json").write_text((output / COMMIT).read_text())


def add_temporary(output: Path) -> None:
    (output / "files/.part.0123.tmp").write_bytes(b"")


def quarantine(output: Path) -> None:
    (output / COMMIT).unlink()
    write_failure(Storage(str(output)), ShardFailure("000-000000", "why", 1, None, None, ""))


def damage_quarantine(output: Path) -> None:
    quarantine(output)
    (output / "_job/quarantine/000-000000.json").write_text("{}")


def mark_as_finished(output: Path) -> None:
    (output / COMMIT).unlink()
    (output / "_SUCCESS").write_bytes(b"")


def lose_the_first_generation(output: Path) -> None:
    shutil.copy(output / INDEX, output / "_job/plan/generation-001.json")
    (output / INDEX).unlink()


def lose_shards_of_the_plan(output: Path) -> None:
    def edit(record: dict[str, Any]) -> None:
        record["files"][0]["sha256"] = record["files"][0]["size"] = None
        del record["files"][0]["items"][1:], record["files"][0]["bytes"][1:]

    edit_record(output / INDEX, edit)


def miscount_the_plan(output: Path) -> None:
    def edit(record: dict[str, Any]) -> None:
        record["files"][0]["sha256"] = record["files"][0]["size"] = None
        record["files"][0]["bytes"][0] += 1

    edit_record(output / INDEX, edit)


DAMAGES: list[tuple[Callable[[Path], None], str]] = [
    (lambda output: (output / PART).unlink(), f"{PART} is missing."),
    (cut_short, f"{PART} has 1[0-9]* bytes instead of 1"),
    (flip_a_byte, f"{PART} has other content than was committed"),
    (set_rows, r"lines/part-000-000000.parquet has \d+ rows instead of 1\."),
    (set_primary_rows, "Shard 000-000000 has 15 rows in 'files' for 16 members."),
    (set_members, "The commit of shard 000-000000 has 15 members, the plan 16."),
    (set_statuses, "The statuses of shard 000-000000 do not add up to its members."),
    (set_other_statuses, f"The statuses of shard 000-000000 are not those of its rows in {PART}."),
    (set_failed, "Shard 000-000000 has 1 failed items where its statuses say 0."),
    (set_bytes, r"The commit of shard 000-000000 has 1 input bytes, the plan \d+\."),
    (set_path, "Shard 000-000000 names '../in/00001.txt', which is no part of it."),
    (set_shard, rf"'{COMMIT}' is damaged \(it is that of shard '000-000001'\): restore it"),
    (add_part, "lines/part-000-000009.parquet belongs to no commit."),
    (add_temporary, "files/.part.0123.tmp was left by a run that was killed; run the job again."),
    (lambda output: (output / COMMIT).unlink(), "Shard 000-000000 is not done yet."),
    (quarantine, "Shard 000-000000 is in quarantine."),
    (damage_quarantine, r"'_job/quarantine/000-000000.json' is damaged \(shard: Field required\):"),
    (add_commit, "Shard 007-000000 is committed but not planned."),
    (mark_as_finished, "_SUCCESS is there, although 1 shards are not done; run the job again."),
    (lose_the_first_generation, f"'{INDEX}' is missing: restore it from a copy, or use another"),
    (lose_shards_of_the_plan, rf"'{PLAN_FILE}' is damaged \(it has 2 row groups for 1 shards\):"),
    (miscount_the_plan, rf"'{PLAN_FILE}' is damaged \(its index counts other items or bytes\):"),
]


def test_undamaged_output_has_no_problems(tmp_path: Path) -> None:
    assert check(finished_output(tmp_path)) == []


@pytest.mark.parametrize(("damage", "sentence"), DAMAGES, ids=[text for _, text in DAMAGES])
def test_damage_is_found(tmp_path: Path, damage: Callable[[Path], None], sentence: str) -> None:
    output = finished_output(tmp_path)
    damage(output)
    problems = check(output)
    assert any(re.match(sentence, problem) for problem in problems), problems


@pytest.mark.parametrize(
    "damage", [flip_a_byte, set_other_statuses, set_failed, set_bytes, set_path, set_shard]
)
def test_damage_to_one_shard_is_one_problem(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    output = finished_output(tmp_path)
    damage(output)
    problems = [each for each in check(output) if not each.endswith("belongs to no commit.")]
    assert len(problems) == 1


def test_keys_that_two_containers_share_are_told(tmp_path: Path) -> None:
    output, folder = tmp_path / "out", make_folder(tmp_path / "in", 5)
    plan = Plan(Storage(str(output)))
    for number in range(2):
        member = Member(f"{number}.tar", str(folder), 1, "", None, items=None)
        plan.extend([member], ShardSizes())
    worker = start_worker(output)
    for spec in plan.shards():
        worker.run(spec)
    assert (
        "Keys are there more than once ('00000.txt', '00001.txt', '00002.txt'): "
        "run the job again with a new output."
    ) in check(output)


# What somebody did who made all digests fit.


@pytest.fixture
def twins(tmp_path: Path) -> Path:
    """Two shards of as many rows."""
    return finished_output(tmp_path, members=32)


MIXED_UP = (
    "The rows of shard 000-000000 in files/part-000-000000.parquet are not those of its members: "
    "parts are mixed up."
)
MISCOUNTED = f"The rows of shard 000-000000 in {LINES} are not those that {PART} counts"


def test_parts_swapped_with_their_records_are_mixed_up(twins: Path) -> None:
    exchange(twins, "files")
    exchange(twins, "lines")
    assert MIXED_UP in check(twins)


def test_swapped_secondary_parts_are_mixed_up(twins: Path) -> None:
    exchange(twins, "lines")
    assert any(problem.startswith(MISCOUNTED) for problem in check(twins))


def test_commits_that_name_the_parts_of_one_another(twins: Path) -> None:
    commits = [twins / f"_job/commits/000-00000{number}.json" for number in (0, 1)]
    parts = [json.loads(commit.read_text())["parts"]["lines"] for commit in commits]
    for commit, part in zip(commits, reversed(parts), strict=True):
        set_part(commit, "lines", part)
    assert set(check(twins)) >= {
        "lines/part-000-000001.parquet has the rows of shard 000-000000.",
        "lines/part-000-000000.parquet has the rows of shard 000-000001.",
    }


def backwards(table: pa.Table) -> pa.Table:
    return table.take(list(reversed(range(table.num_rows))))


def renamed(table: pa.Table) -> pa.Table:
    keys = table["key"].to_pylist()
    return table.set_column(0, table.schema.field(0), pa.array(["other", *keys[1:]]))


def test_primary_rows_in_another_order(tmp_path: Path) -> None:
    output = finished_output(tmp_path)
    rewrite_part(output, PART, backwards)
    assert MIXED_UP in check(output)


@pytest.mark.parametrize("change", [backwards, renamed])
def test_secondary_rows_that_belong_to_other_items(
    tmp_path: Path, change: Callable[[pa.Table], pa.Table]
) -> None:
    output = finished_output(tmp_path)
    rewrite_part(output, LINES, change)
    [problem] = check(output)
    assert problem.startswith(MISCOUNTED)


def set_counts(*counts: int) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        index = table.schema.get_field_index("num_lines")
        found = [*counts, *table["num_lines"].to_pylist()[len(counts) :]]
        return table.set_column(index, table.schema.field(index), pa.array(found, pa.int32()))

    return change


@pytest.mark.parametrize("counts", [(1, 0), (-1, 2), (0, 0), (2**31 - 1,)])
def test_counts_of_secondary_rows_that_are_wrong(tmp_path: Path, counts: tuple[int, ...]) -> None:
    output = finished_output(tmp_path)
    rewrite_part(output, PART, set_counts(*counts))
    assert check(output)[0].startswith(MISCOUNTED)


def test_shares_of_a_merged_part_that_are_swapped(twins: Path) -> None:
    compact(str(twins))

    def swap(merged: dict[str, Any]) -> None:
        merged["shards"] = dict(zip(merged["shards"], [[15, 1], [17, 1]], strict=True))

    edit_merged(twins, swap)
    assert "Shard 000-000000 has 15 rows in 'files' for 16 members." in check(twins)


def test_commits_of_merged_shards_that_are_swapped(twins: Path) -> None:
    compact(str(twins))
    commits = [twins / f"_job/commits/000-00000{number}.json" for number in (0, 1)]
    texts = [commit.read_text() for commit in commits]
    for commit, text in zip(commits, reversed(texts), strict=True):
        commit.write_text(text)
    assert len([each for each in check(twins) if "it is that of shard" in each]) == 2


def with_metadata(digest: str) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.replace_schema_metadata({"x.config_digest": digest})


def test_part_of_another_config(tmp_path: Path) -> None:
    output = finished_output(tmp_path)
    rewrite_part(output, PART, with_metadata("other"))
    rewrite_part(output, PART.replace("0.parquet", "1.parquet"), with_metadata("other"))
    assert check(output) == [
        f"{path} was made with another config than _job/job.json says."
        for path in (PART, PART.replace("0.parquet", "1.parquet"))
    ]


def test_part_with_another_schema(tmp_path: Path) -> None:
    output = finished_output(tmp_path)
    second = PART.replace("0.parquet", "1.parquet")
    rewrite_part(output, second, with_metadata(IDENTITY.digest))
    [problem] = check(output)
    assert problem == f"{second} has another schema, or other metadata in it, than {PART}."


# Every file, whatever happens to it.


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three shards, a checkpoint, a summary, and the mark of a finished job."""
    base = tmp_path_factory.mktemp("finished")
    output = finished_output(base, 40)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger_module, "_LEAST_SHARDS", 1)
        run(ChecksumJob(), lambda: list_folder(base / "in"), str(output), RunSettings(), IDENTITY)
    assert {"_SUCCESS", "_job/summary.json"} < files(output)
    assert (output / CHECKPOINTS).exists()
    return output


@pytest.fixture(scope="module")
def merged(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, compacted."""
    output = tmp_path_factory.mktemp("merged") / "out"
    shutil.copytree(finished, output)
    compact(str(output))
    return output


@pytest.fixture(params=["finished", "merged"])
def whole(request: pytest.FixtureRequest) -> Path:
    return Path(request.getfixturevalue(request.param))


def test_finished_output_is_in_order(whole: Path) -> None:
    assert check(whole) == []


def damaged(whole: Path, folder: Path) -> Iterator[Path]:
    """Copies to be damaged."""
    number = 0
    while True:
        shutil.copytree(whole, folder / str(number))
        yield folder / str(number)
        shutil.rmtree(folder / str(number))
        number += 1


@pytest.mark.parametrize("damage", EVERYWHERE, ids=lambda damage: damage.__name__)
def test_damage_to_any_file_is_found(
    whole: Path, tmp_path: Path, rng: np.random.Generator, damage: Any
) -> None:
    unseen = []
    paths = sorted(files(whole) - {CARD})  # which may be edited
    for path, output in zip(paths, damaged(whole, tmp_path), strict=False):
        done = damage(output, path, rng)
        if damage is remove and path.startswith(CHECKPOINTS):
            done = None  # the records say the same
        if done is not None and not check(output):
            unseen.append(f"{path}: {done}")
    assert not unseen


@pytest.mark.parametrize("damage", ONCE, ids=lambda damage: damage.__name__)
def test_damage_to_the_whole_is_found(
    whole: Path, tmp_path: Path, rng: np.random.Generator, damage: Any
) -> None:
    output = next(damaged(whole, tmp_path))
    done = damage(output, rng)
    assert done is None or check(output), done


LOG = "_job/log/00000001.json"


@pytest.mark.parametrize("path", ["_job/commits/000-000000.json", INDEX, PLAN_FILE, PART, LOG])
@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff\x00"])
def test_the_rest_is_checked_all_the_same(
    finished: Path, tmp_path: Path, path: str, content: bytes
) -> None:
    output = next(damaged(finished, tmp_path))
    (output / path).write_bytes(content)
    flip_a_byte(output, "lines/part-000-000002.parquet")
    problems = check(output)
    assert any(problem.startswith("lines/part-000-000002.parquet has") for problem in problems)
    assert any(path in problem for problem in problems)


# What must not be taken for damage.


def test_records_of_earlier_versions(finished: Path, tmp_path: Path) -> None:
    output = next(damaged(finished, tmp_path))
    for path in output.rglob("*.json"):
        lines = path.read_text().splitlines()
        assert "record_sha256" in lines[-2]
        path.write_text("\n".join(lines[:-2]).removesuffix(",") + "\n}")
    text = re.sub(r', "size": \d+, "sha256": "\w+"', "", (output / INDEX).read_text())
    assert "sha256" not in text
    (output / INDEX).write_text(text)
    assert check(output) == []


def test_containers_tell_their_keys_only_when_they_are_read(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in", 5)
    storage = Storage(str(tmp_path / "out"))
    IDENTITY.write(storage)
    plan = Plan(storage)
    plan.extend([Member("in", str(folder), None, "", None, items=None)], ShardSizes())
    worker = start_worker(tmp_path / "out")
    for spec in plan.shards():
        worker.run(spec)
    assert check(tmp_path / "out") == []


def test_part_that_is_not_committed_yet(tmp_path: Path) -> None:
    output = finished_output(tmp_path)
    (output / COMMIT).unlink()
    assert check(output) == ["Shard 000-000000 is not done yet."]


def test_what_a_run_is_writing(tmp_path: Path) -> None:
    output = finished_output(tmp_path)
    add_temporary(output)
    (output / "_job/plan/generation-001-00000.parquet").write_bytes(b"PAR1")
    assert len(check(output)) == 2
    (output / "_job/lease").mkdir()
    (output / "_job/lease/0123.json").write_text("{}")
    assert check(output) == []


def test_what_attempts_leave(tmp_path: Path) -> None:
    output = finished_output(tmp_path)
    (output / "_job/attempts").mkdir()
    for name in ("000-000001-0123-1.json", "000-000009-0123-1.json", "notes"):
        (output / "_job/attempts" / name).write_text("{}")
    assert check(output) == [
        "_job/attempts/000-000009-0123-1.json belongs to no shard.",
        "_job/attempts/notes belongs to no shard.",
    ]


def test_what_lies_beside_the_tables(tmp_path: Path) -> None:
    output = finished_output(tmp_path)
    (output / "README.md").write_text("A dataset.")
    (output / "notes").mkdir()
    assert check(output) == []


def test_output_that_is_changed_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = finished_output(tmp_path)
    compact(str(output), target_bytes=1)  # which logs nothing
    storage = Storage(str(output))
    Log(storage).create(LogEntry(1, "begin", 1, "a driver"))
    read = Storage.read_many

    def read_and_compact(storage: Storage, paths: Any) -> Iterator[bytes]:
        found = list(read(storage, paths))
        if COMMIT in paths:
            monkeypatch.undo()
            compact(str(output))
        return iter(found)

    monkeypatch.setattr(Storage, "read_many", read_and_compact)
    assert check(output) == ["Another command has changed this output meanwhile; verify again."]


def test_output_with_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check(with_checkpoints(tmp_path, monkeypatch)) == []


def with_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(ledger_module, "_LEAST_SHARDS", 1)
    output = finished_output(tmp_path)
    compact(str(output))
    assert (output / CHECKPOINTS).exists()
    return output


@pytest.mark.parametrize("damage", [flip_a_byte, lambda output, path: (output / path).unlink()])
def test_damaged_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Any) -> None:
    output = with_checkpoints(tmp_path, monkeypatch)
    make_folder(tmp_path / "in", 4, start=20)
    compact(str(output))
    first, *_ = sorted(path.name for path in (output / CHECKPOINTS).iterdir())
    storage = Storage(str(output))
    write_checkpoint(storage, SCHEMA.empty_table(), 1, epoch=9)
    damage(output, f"{CHECKPOINTS}/{first}")
    assert check(output) == [
        f"A file in {CHECKPOINTS} is damaged or missing; "
        f"delete the folder {CHECKPOINTS}, which the next run makes anew."
    ]


def test_checkpoint_that_says_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = with_checkpoints(tmp_path, monkeypatch)
    storage = Storage(str(output))
    [report] = read_commits(storage, ["000-000000"])
    other = replace(report, statuses={"unreadable": report.members})
    row = row_of(other, Log(storage).last())
    write_checkpoint(storage, pa.Table.from_pylist([row], SCHEMA), Log(storage).last(), epoch=9)
    [problem] = check(output)
    assert problem.startswith(f"What is in {CHECKPOINTS} is not what the records say; delete the")


def test_retry_that_waits_to_be_finished_is_all_there_is_to_say(tmp_path: Path) -> None:
    output = finished_output(tmp_path)
    compact(str(output))
    flip_a_byte(output, str(next((output / "lines").iterdir()).relative_to(output)))
    storage = Storage(str(output))
    [report] = read_commits(storage, ["000-000000"])
    stale = {name: replace(part, stale_in="x") for name, part in report.parts.items()}
    log = Log(storage)
    log.create(
        LogEntry(log.last() + 1, "change", 1, "a driver", retried=[replace(report, parts=stale)])
    )
    assert check(output) == [STOPPED_RETRY]


def test_commit_that_an_earlier_run_has_made_and_a_later_one_has_replaced(tmp_path: Path) -> None:
    output = finished_output(tmp_path)
    storage = Storage(str(output))
    [report] = read_commits(storage, ["000-000000"])
    new = {
        name: replace(part, path=part.path.replace(".parquet", ".1.parquet"))
        for name, part in report.parts.items()
    }
    for name, part in report.parts.items():
        (output / part.path).rename(output / new[name].path)
    Log(storage).create(
        LogEntry(1, "change", 1, "a driver", retried=[replace(report, parts=new, retried=1)])
    )
    assert check(output) == []


# Several shards in one part.


@pytest.fixture
def compacted(tmp_path: Path) -> Path:
    """An output of two shards that share their parts."""
    output = finished_output(tmp_path)
    compact(str(output))
    assert len(list((output / "files").iterdir())) == 1
    return output


MERGED = "files/part-000-000000.1.parquet"


def shift(output: Path) -> None:
    def skip_a_row(record: dict[str, Any]) -> None:
        [(shard, (rows, size)), *others] = record["shards"].items()
        record["shards"] = {shard: [rows + 1, size], **dict(others)}

    edit_merged(output, skip_a_row)


def set_digest(output: Path) -> None:
    edit_merged(output, lambda record: record.update(sha256="0" * 64))


def set_size(output: Path) -> None:
    edit_merged(output, lambda record: record.update(bytes=1))


def move(output: Path) -> None:
    edit_merged(output, lambda record: record.update(path="../in/00001.txt"))


def revive_a_part(output: Path) -> None:
    (output / "files/part-000-000001.parquet").write_bytes((output / MERGED).read_bytes())


SHARED: list[tuple[Callable[[Path], None], str]] = [
    (shift, f"{MERGED} has 20 rows instead of 21."),
    (set_digest, f"{MERGED} has other content than was committed"),
    (set_size, rf"{MERGED} has \d+ bytes instead of 1\."),
    (move, "Shard 000-000000 names '../in/00001.txt', which is no part of it."),
    (lambda output: flip_a_byte(output, MERGED), f"{MERGED} has other content than was committed"),
    (revive_a_part, "files/part-000-000001.parquet belongs to no commit."),
    (lambda output: (output / MERGED).unlink(), f"{MERGED} is missing."),
]


@pytest.mark.parametrize(("damage", "sentence"), SHARED, ids=[text for _, text in SHARED])
def test_damage_to_a_shared_part_is_found(
    compacted: Path, damage: Callable[[Path], None], sentence: str
) -> None:
    damage(compacted)
    problems = check(compacted)
    assert any(re.match(sentence, problem) for problem in problems), problems


@pytest.mark.parametrize(
    "damage", [set_digest, set_size, lambda output: flip_a_byte(output, MERGED), revive_a_part]
)
def test_damage_to_a_shared_part_is_one_problem(
    compacted: Path, damage: Callable[[Path], None]
) -> None:
    damage(compacted)
    assert len(check(compacted)) == 1


@pytest.mark.parametrize("name", ["first_row", "sha256"])
def test_retried_shards_that_disagree_about_a_part_they_share(compacted: Path, name: str) -> None:
    storage = Storage(str(compacted))
    heads = {head.shard: head for head in Heads.read(storage).all()}
    [report] = read_commits(storage, ["000-000001"])
    parts = dict(heads["000-000001"].parts)
    odd: dict[str, Any] = {name: 1 if name == "first_row" else "0"}
    parts["files"] = replace(parts["files"], **odd)
    log = Log(storage)
    entry = LogEntry(
        log.last() + 1, "change", 1, "a driver", retried=[replace(report, parts=parts)]
    )
    log.create(entry)
    sentence = {
        "first_row": f"The commits that share {MERGED} leave out some of its rows or count them",
        "sha256": f"The commits that share {MERGED} disagree about its content.",
    }
    assert any(problem.startswith(sentence[name]) for problem in check(compacted))


@pytest.mark.parametrize(
    ("shard", "problem"),
    [
        ("000-000000", f"The commits that share {MERGED} leave out"),
        ("000-000001", f"{MERGED} has 20 rows instead of 16."),
    ],
)
def test_rows_of_a_shard_that_is_no_longer_committed(
    compacted: Path, shard: str, problem: str
) -> None:
    (compacted / f"_job/commits/{shard}.json").unlink()
    problems = check(compacted)
    assert f"Shard {shard} is not done yet." in problems
    assert any(each.startswith(problem) for each in problems), problems


class Counting(MemoryFileSystem):  # type: ignore[misc]
    """An object store that counts what is read of each file."""

    protocol = "counting"
    read: ClassVar[Counter[str]] = Counter()

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace("counting://", "memory://")))

    def cat_file(self, path: str, *arguments: Any, **keywords: Any) -> bytes:
        data: bytes = super().cat_file(path, *arguments, **keywords)
        self.read[path] += len(data)
        return data


def test_each_file_is_read_once(compacted: Path) -> None:
    fsspec.register_implementation("counting", Counting, clobber=True)
    output = f"counting://{compacted.parent.name}"
    for path in filter(Path.is_file, compacted.rglob("*")):
        Storage(output).publish_bytes(path.read_bytes(), str(path.relative_to(compacted)))
    Counting.read.clear()
    assert verify(output) == []
    for name in (MERGED, MERGED.replace("files", "lines"), PLAN_FILE):
        (read,) = (count for path, count in Counting.read.items() if path.endswith(name))
        assert read == (compacted / name).stat().st_size


def test_no_job_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no job in"):
        verify(str(tmp_path))


def test_job_without_a_plan(tmp_path: Path) -> None:
    IDENTITY.write(Storage(str(tmp_path)))
    [problem] = check(tmp_path)
    assert problem == "Nothing is planned: the run is listing its input, or the plan is gone."
