from __future__ import annotations

import contextlib
import itertools
import json
import multiprocessing
import pickle
import shutil
import signal
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.engine.driver import merging
from jobs.engine.driver.compact import Compacted, compact
from jobs.engine.driver.run import run
from jobs.engine.driver.status import status
from jobs.engine.driver.verify import verify
from jobs.engine.lease.lease import Lease
from jobs.engine.lease.log import LOG, Log
from jobs.engine.ledger import ledger as ledger_module
from jobs.engine.ledger.commits import committed, read_commits, write_failure
from jobs.engine.ledger.heads import Heads
from jobs.engine.parts.names import shard_of
from jobs.engine.parts.part_writer import PartWriter
from jobs.engine.plans.plan import Plan
from jobs.engine.reports import ShardFailure, ShardReport
from jobs.engine.settings import RunSettings, ShardSizes
from jobs.engine.workers.worker import Worker
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
from tests.jobs.engine.outputs import IDENTITY, edit_record, part_digests
from tests.jobs.engine.stand_in import ChecksumJob, list_folder, make_folder

JOB = ChecksumJob()
TABLES = tuple(JOB.schemas)
SIZES = ShardSizes(first=2, step=1000, max_members=2)
MEMBERS = 14  # seven shards
EVERYTHING = 2**30


def make_output(output: str, folder: Path, skip: tuple[str, ...] = (), job: Any = JOB) -> str:
    """Plans what is new in the folder, and commits all shards but some."""
    storage = Storage(output)
    IDENTITY.write(storage)
    plan = Plan(storage)
    plan.extend(list_folder(folder), SIZES)
    worker = Worker(output, {}, ["pyarrow"])
    worker.start(pickle.dumps(job))
    done = committed(storage)
    for spec in plan.shards():
        if spec.shard not in {*done, *skip}:
            assert isinstance(worker.run(spec), ShardReport)
    return output


def pack(output: str | Path, target_bytes: int = EVERYTHING) -> dict[str, Compacted]:
    found = compact(str(output), target_bytes, row_group_bytes=JOB.row_group_bytes)
    return dict(found.outputs)


def parts(output: str | Path, table: str) -> list[pa.Table]:
    """What a reader of the folder sees, file by file."""
    storage = Storage(str(output))
    names = [f"{table}/{name}" for name in storage.names(table)]
    return [pq.ParquetFile(storage.open(name)).read() for name in names]


def rows(output: str | Path) -> dict[str, list[dict[str, Any]]]:
    return {
        table: [row for part in parts(output, table) for row in part.to_pylist()]
        for table in TABLES
    }


def shares(output: str | Path, table: str) -> list[tuple[str, int, int]]:
    """First shard of its file, first row and rows of each committed shard."""
    found = []
    for _, part in Heads.read(Storage(str(output))).parts(table):
        folder, _, name = part.path.rpartition("/")
        found.append((f"{folder}/{shard_of(name)}", part.first_row, part.rows))
    return found


def own_bytes(output: str | Path, table: str) -> list[int]:
    return [part.size for _, part in Heads.read(Storage(str(output))).parts(table)]


def part_path(output: str | Path, table: str) -> Path:
    """The only part of a table."""
    [path] = (Path(output) / table).iterdir()
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "in", MEMBERS)


@pytest.fixture(params=["local", "memory"])
def output(request: pytest.FixtureRequest, tmp_path: Path, folder: Path) -> str:
    """Seven committed shards."""
    url = str(tmp_path / "out") if request.param == "local" else f"memory://{uuid.uuid4().hex}"
    return make_output(url, folder)


@pytest.fixture
def local(tmp_path: Path, folder: Path) -> Path:
    return Path(make_output(str(tmp_path / "out"), folder))


def test_rows_and_their_order_stay(output: str) -> None:
    before = rows(output)
    assert len(before["files"]) == MEMBERS and len(before["lines"]) > MEMBERS
    pack(output)
    assert rows(output) == before


def test_one_part_is_left_called_like_the_first(output: str) -> None:
    pack(output)
    assert sorted(data_of(contents(output))) == [f"{table}/000-000000" for table in sorted(TABLES)]


def test_log_tells_which_rows_are_whose(output: str) -> None:
    before = shares(output, "lines")
    pack(output)
    first = 0
    for was, now in zip(before, shares(output, "lines"), strict=True):
        assert now == ("lines/000-000000", first, was[2])
        first += was[2]


def test_compacted_output_is_verified(output: str) -> None:
    pack(output)
    assert verify(output) == []


def test_merged_part_is_what_a_worker_would_have_written(local: Path) -> None:
    expected = {}
    for table in TABLES:
        with PartWriter(
            Storage(str(local)),
            [f"expected/{table}.parquet"],
            JOB.schemas[table],
            JOB.row_group_bytes,
            JOB.writer_options(table),
        ) as writer:
            for part in parts(local, table):
                for batch in part.cast(JOB.schemas[table]).to_batches():
                    writer.write(batch)
            expected[f"{table}/000-000000"] = writer.publish().sha256
    shutil.rmtree(local / "expected")
    pack(local)
    assert part_digests(local) == expected


def test_schema_and_its_metadata_stay(tmp_path: Path, folder: Path) -> None:
    metadata = {"made": "by a test"}
    schemas = {name: schema.with_metadata(metadata) for name, schema in JOB.schemas.items()}
    output = make_output(str(tmp_path / "out"), folder, job=ChecksumJob(schemas=schemas))
    before = parts(output, "files")[0].schema
    pack(output)
    (part,) = parts(output, "files")
    assert part.schema.equals(before, check_metadata=True)
    assert part.schema.metadata == {b"made": b"by a test"}


def test_numbers_of_a_compaction(output: str) -> None:
    before = status(output)
    found = pack(output)
    after = status(output)
    assert {name: (each.parts_before, each.parts_after) for name, each in found.items()} == {
        "files": (7, 1),
        "lines": (7, 1),
    }
    assert {name: each.rows for name, each in found.items()} == before.rows == after.rows
    assert {name: each.bytes_before for name, each in found.items()} == before.bytes
    assert {name: each.bytes_after for name, each in found.items()} == after.bytes


def test_status_counts_a_shared_part_once(local: Path) -> None:
    pack(local)
    for table, size in status(str(local)).bytes.items():
        assert size == part_path(local, table).stat().st_size


def test_as_many_parts_are_merged_as_fit(local: Path) -> None:
    sizes = own_bytes(local, "files")
    target = sizes[0] + sizes[1] + sizes[2]
    pack(local, target)
    grouped: dict[str, list[int]] = {}
    for (path, _, _), size in zip(shares(local, "files"), sizes, strict=True):
        grouped.setdefault(path, []).append(size)
    groups = list(grouped.values())
    assert groups[0] == sizes[:3] and len(groups) > 1
    assert all(sum(group) <= target for group in groups)
    assert all(sum(group) + after[0] > target for group, after in itertools.pairwise(groups))


def test_large_parts_stay(local: Path) -> None:
    before = stats(local)
    pack(local, 1)
    assert stats(local) == before


def stats(output: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of every file and folder."""
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in output.rglob("*")}


@pytest.mark.parametrize("parts_together", [2, 3, 100])
def test_compacting_twice_changes_nothing(local: Path, parts_together: int) -> None:
    target = parts_together * max(own_bytes(local, "files"))
    pack(local, target)
    before = stats(local)
    found = pack(local, target)
    assert stats(local) == before
    assert all(each.parts_before == each.parts_after for each in found.values())


def test_larger_target_merges_further(output: str) -> None:
    before = rows(output)
    pack(output, 2 * max(own_bytes(output, "files")))
    assert 1 < len(parts(output, "files")) < 7
    pack(output)
    assert rows(output) == before
    assert len(parts(output, "files")) == 1
    assert verify(output) == []


@pytest.mark.parametrize(("less", "left"), [(0, 1), (1, 2)])
def test_sizes_are_those_that_the_workers_wrote(output: str, less: int, left: int) -> None:
    sizes = own_bytes(output, "files")
    pack(output, sum(sizes[:4]))
    assert len(parts(output, "files")) == 2
    assert own_bytes(output, "files") == sizes
    pack(output, sum(sizes) - less)
    assert len(parts(output, "files")) == left


def test_nothing_is_merged_across_a_shard_that_is_not_done(tmp_path: Path, folder: Path) -> None:
    output = make_output(str(tmp_path / "out"), folder, skip=("000-000003",))
    write_failure(Storage(output), ShardFailure("000-000003", "why", 1, None, None, ""))
    pack(output)
    paths = [path for path, _, _ in shares(output, "files")]
    assert paths == ["files/000-000000"] * 3 + ["files/000-000004"] * 3
    assert verify(output) == ["Shard 000-000003 is in quarantine."]


def test_shard_that_is_done_later_is_merged_in_its_place(tmp_path: Path, folder: Path) -> None:
    expected = rows(make_output(str(tmp_path / "whole"), folder))
    output = make_output(str(tmp_path / "out"), folder, skip=("000-000003",))
    pack(output)
    make_output(output, folder)
    pack(output)
    assert len(parts(output, "files")) == 1
    assert rows(output) == expected


def test_next_generation_is_merged_too(output: str, folder: Path) -> None:
    pack(output)
    make_folder(folder, 4, start=MEMBERS)
    expected = [path.name for path in sorted(folder.iterdir())]
    make_output(output, folder)
    assert len(parts(output, "files")) == 3
    pack(output)
    assert [row["key"] for row in rows(output)["files"]] == expected
    assert verify(output) == []


def test_parts_of_another_schema_are_not_merged(local: Path, folder: Path) -> None:
    make_folder(folder, 4, start=MEMBERS)
    schemas = {name: schema.with_metadata({"a": "b"}) for name, schema in JOB.schemas.items()}
    make_output(str(local), folder, job=ChecksumJob(schemas=schemas))
    pack(local)
    assert [part.schema.metadata for part in parts(local, "files")] == [None, {b"a": b"b"}]


class GzipJob(ChecksumJob):
    def writer_options(self, name: str) -> dict[str, Any]:
        return {**super().writer_options(name), "compression": "gzip"}


def test_parts_that_were_written_otherwise_are_not_merged(local: Path, folder: Path) -> None:
    make_folder(folder, 4, start=MEMBERS)
    make_output(str(local), folder, job=GzipJob())
    pack(local)
    codecs = [
        pq.ParquetFile(path).metadata.row_group(0).column(0).compression
        for path in sorted((local / "files").iterdir())
    ]
    assert codecs == ["ZSTD", "GZIP"]


def test_parts_without_rows_take_the_options_of_the_others(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in", MEMBERS)
    for number in (0, 1, 7, 8):
        (folder / f"{number:05d}.txt").write_bytes(b"")
    output = Path(make_output(str(tmp_path / "out"), folder))
    assert [rows for _, _, rows in shares(output, "lines")].count(0) >= 1
    pack(output)
    metadata = pq.ParquetFile(part_path(output, "lines")).metadata
    column = metadata.row_group(0).column(1)
    assert (column.compression, column.has_dictionary_page) == ("ZSTD", False)
    assert verify(str(output)) == []


def test_commits_from_before_there_were_shared_parts(local: Path) -> None:
    for path in (local / "_job/commits").iterdir():
        record = json.loads(path.read_text())
        del record["record_sha256"]
        for part in record["parts"].values():
            del part["first_row"], part["own_bytes"], part["stale_in"]
        path.write_text(json.dumps(record))
    before = rows(local)
    pack(local)
    assert rows(local) == before
    assert verify(str(local)) == []


def test_commits_stay_as_they_are(local: Path) -> None:
    storage = Storage(str(local))
    before = list(read_commits(storage, sorted(committed(storage))))
    pack(local)
    assert list(read_commits(storage, sorted(committed(storage)))) == before


def test_what_else_is_known_of_a_shard_stays(local: Path) -> None:
    storage = Storage(str(local))
    before = list(Heads.read(storage).all())
    pack(local)
    after = list(Heads.read(storage).all())
    assert [replace(head, parts={}) for head in after] == [
        replace(head, parts={}) for head in before
    ]


def test_output_that_a_run_has_is_refused(local: Path) -> None:
    with Lease(Storage(str(local))), pytest.raises(UserError, match="another run is writing to"):
        pack(local)


def test_no_job_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no job in '.*': check the path"):
        pack(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_planned_and_nothing_done(tmp_path: Path, folder: Path) -> None:
    make_output(str(tmp_path / "out"), folder, skip=tuple(f"000-{n:06d}" for n in range(7)))
    assert pack(tmp_path / "out") == {}


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[6] ^= 1
    path.write_bytes(data)


def but_the_log(output: Path) -> dict[str, bytes]:
    """All files but those that tell that somebody was there."""
    found = {path: (output / path).read_bytes() for path in files(output)}
    return {path: data for path, data in found.items() if not path.startswith(LOG)}


@pytest.mark.parametrize("damage", [flip_a_byte, Path.unlink, lambda path: path.write_bytes(b"")])
def test_damaged_part_is_refused_and_nothing_is_changed(local: Path, damage: Any) -> None:
    damage(local / "files/part-000-000002.parquet")
    before = but_the_log(local)
    with pytest.raises(
        UserError, match=r"'files/part-000-000002.parquet' is not as its commit says"
    ):
        pack(local)
    assert but_the_log(local) == before
    assert not any(entry.kind == "change" for entry in Log(Storage(str(local))).after(0))


def test_part_with_other_rows_than_committed_is_refused(local: Path) -> None:

    def one_more(record: dict[str, Any]) -> None:
        record["parts"]["lines"]["rows"] += 1
        record["rows"]["lines"] += 1

    edit_record(local / "_job/commits/000-000002.json", one_more)
    with pytest.raises(UserError, match=r"'lines/part-000-000002.parquet' is not as its commit"):
        pack(local)


@pytest.fixture
def mortal(output: str) -> Iterator[str]:
    """An output in a store that may be told when to fail."""
    yield output.replace("memory://", "mortal://")
    Mortal.lives = sys.maxsize


@pytest.fixture
def checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are written for few shards too."""
    monkeypatch.setattr(ledger_module, "_LEAST_SHARDS", 1)


def places_but_checkpoints(output: str) -> set[str]:
    """How many of those there are tells how often a driver began."""
    return {path for path in places(files(output)) if not path.startswith("_job/checkpoints")}


@pytest.mark.usefixtures("checkpoints")
@pytest.mark.parametrize("output", ["memory"], indirect=True)
def test_every_row_is_there_once_wherever_an_object_store_fails(mortal: str) -> None:
    before, expected_rows = contents(mortal), rows(mortal)
    target = 3 * max(own_bytes(mortal, "files"))
    pack(mortal, target)
    expected, expected_places = data_of(contents(mortal)), places_but_checkpoints(mortal)
    assert len(expected) < len(data_of(before))
    died = 0
    while True:
        restore(mortal, before)
        Mortal.lives = died
        try:
            pack(mortal, target)
            break
        except OutputError:
            pass
        Mortal.lives = sys.maxsize
        assert rows_that_count(mortal) == expected_rows, f"after {died} changes"
        # The next one fails as well, a little later each time.
        Mortal.lives = died // 2
        with contextlib.suppress(OutputError):
            pack(mortal, target)
        Mortal.lives = sys.maxsize
        assert rows_that_count(mortal) == expected_rows, f"after {died} changes"
        pack(mortal, target)
        assert verify(mortal) == [], f"after {died} changes"
        assert rows(mortal) == expected_rows, f"after {died} changes"
        assert data_of(contents(mortal)) == expected, f"after {died} changes"
        assert places_but_checkpoints(mortal) == expected_places, f"after {died} changes"
        died += 1
    assert died > 20


def rows_that_count(output: str) -> dict[str, list[dict[str, Any]]]:
    """What a reader finds that goes by the records."""
    storage, found = Storage(output), {}
    heads = Heads.read(storage)
    for table in TABLES:
        found[table] = [
            row
            for _, part in heads.parts(table)
            for row in pq.read_table(storage.open(part.path))
            .slice(part.first_row, part.rows)
            .to_pylist()
        ]
    return found


def die_at(output: str, changes: int) -> None:
    """Compacts in a process that is killed before it changes one file or folder too many."""
    die_before(output, changes)
    pack(output)


def test_every_row_is_there_once_wherever_the_process_is_killed(tmp_path: Path) -> None:
    saved = make_output(str(tmp_path / "saved"), make_folder(tmp_path / "in", 6))
    expected_rows = rows(saved)
    whole = Path(shutil.copytree(saved, tmp_path / "whole"))
    pack(whole)
    expected, expected_files = part_digests(whole), places(files(whole))
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    changes = 0
    while True:
        output = Path(shutil.copytree(saved, tmp_path / f"killed-{changes}"))
        process = processes.Process(target=die_at, args=(str(output), changes))
        process.start()
        process.join()
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL, f"after {changes} changes"
        assert rows_that_count(str(output)) == expected_rows, f"after {changes} changes"
        pack(output)
        assert part_digests(output) == expected, f"after {changes} changes"
        assert places(files(output)) == expected_files, f"after {changes} changes"
        assert verify(str(output)) == [], f"after {changes} changes"
        assert rows(output) == expected_rows, f"after {changes} changes"
        changes += 1
    assert changes > 30


@pytest.mark.parametrize("output", ["memory"], indirect=True)
def test_run_finishes_what_a_killed_compaction_began(mortal: str, folder: Path) -> None:
    expected = rows(mortal)
    saved = contents(mortal)
    settings = RunSettings(workers=1, shards=SIZES)
    lives = 0
    while Log(Storage(mortal)).last() < 2:
        restore(mortal, saved)
        Mortal.lives = lives = lives + 1
        with pytest.raises(OutputError):
            pack(mortal)
        Mortal.lives = sys.maxsize
    summary = run(JOB, lambda: list_folder(folder), mortal, settings, IDENTITY)
    assert summary.status.complete and summary.processed == 0
    assert rows(mortal) == expected
    assert verify(mortal) == []


def test_other_tables_are_merged_though_one_is_damaged(local: Path) -> None:
    (local / "lines/part-000-000002.parquet").unlink()
    with pytest.raises(UserError, match="lines/part-000-000002"):
        pack(local)
    assert len(parts(local, "files")) == 1  # done before
    assert verify(str(local)) == ["lines/part-000-000002.parquet is missing; run the job again."]


def test_complete_output_is_marked(local: Path) -> None:
    pack(local)
    assert status(str(local)).success


def test_summary_of_the_last_run_stays(local: Path, folder: Path) -> None:
    settings = RunSettings(workers=1, shards=SIZES, max_failed_fraction=0.25)
    before = run(JOB, lambda: list_folder(folder), str(local), settings, IDENTITY)
    pack(local)
    stored = json.loads((local / "_job/summary.json").read_text())
    assert stored["max_failed_fraction"] == before.max_failed_fraction
    assert stored["seconds"] == before.seconds


def test_large_merges_are_done_on_ray(local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = rows(local)
    here = Path(shutil.copytree(local, local.parent / "here"))
    pack(here)
    asked: list[object] = []
    dispatched = merging.dispatched

    def noted(*arguments: Any) -> Any:
        asked.append(arguments)
        return dispatched(*arguments)

    monkeypatch.setattr(merging, "_SMALL_BYTES", 0)
    monkeypatch.setattr(merging, "dispatched", noted)
    compact(
        str(local),
        EVERYTHING,
        row_group_bytes=JOB.row_group_bytes,
        settings=RunSettings(workers=2),
    )
    assert len(asked) == 1
    assert rows(local) == expected
    assert part_digests(local) == part_digests(here)
    assert verify(str(local)) == []


def test_run_goes_on_after_a_compaction(local: Path, folder: Path) -> None:
    pack(local)
    make_folder(folder, 4, start=MEMBERS)
    settings = RunSettings(workers=1, shards=SIZES)
    summary = run(JOB, lambda: list_folder(folder), str(local), settings, IDENTITY)
    assert (summary.new_members, summary.processed, summary.exit_code) == (4, 4, 0)
    assert verify(str(local)) == []
