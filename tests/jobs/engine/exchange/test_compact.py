from __future__ import annotations

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

from jobs.engine.commit import committed, read_commits, write_failure
from jobs.engine.errors import OutputError, UserError
from jobs.engine.exchange.compact import Compacted, compact
from jobs.engine.exchange.journal import finish_compaction
from jobs.engine.files.storage import Storage
from jobs.engine.lease.lease import Lease
from jobs.engine.parts.part_writer import PartWriter
from jobs.engine.plans.plan import Plan
from jobs.engine.run import run
from jobs.engine.settings import RunSettings, ShardSizes
from jobs.engine.shards import ShardFailure, ShardReport
from jobs.engine.status import status
from jobs.engine.verify import verify
from jobs.engine.workers.worker import Worker
from tests.jobs.engine.mortal import Mortal, contents, data_of, die_before, files, restore
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
    """File, first row and rows of each committed shard."""
    storage = Storage(str(output))
    reports = read_commits(storage, sorted(committed(storage)))
    found = [report.parts[table] for report in reports]
    return [(part.path, part.first_row, part.rows) for part in found]


def own_bytes(output: str | Path, table: str) -> list[int]:
    storage = Storage(str(output))
    return [
        report.parts[table].size for report in read_commits(storage, sorted(committed(storage)))
    ]


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
    assert [path for path in files(output) if path.endswith(".parquet") and "_job" not in path] == [
        path for path in files(output) if path.endswith("part-000-000000.parquet")
    ]


def test_commits_tell_which_rows_are_whose(output: str) -> None:
    before = shares(output, "lines")
    pack(output)
    first = 0
    for was, now in zip(before, shares(output, "lines"), strict=True):
        assert now == ("lines/part-000-000000.parquet", first, was[2])
        first += was[2]


def test_compacted_output_is_verified(output: str) -> None:
    pack(output)
    assert verify(output) == []


def test_merged_part_is_what_a_worker_would_have_written(local: Path) -> None:
    expected = {}
    for table in TABLES:
        with PartWriter(
            Storage(str(local)),
            f"expected/{table}.parquet",
            JOB.schemas[table],
            JOB.row_group_bytes,
            JOB.writer_options(table),
        ) as writer:
            for part in parts(local, table):
                for batch in part.cast(JOB.schemas[table]).to_batches():
                    writer.write(batch)
            expected[f"{table}/part-000-000000.parquet"] = writer.publish().sha256
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
        assert size == (local / table / "part-000-000000.parquet").stat().st_size


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
    assert paths == ["files/part-000-000000.parquet"] * 3 + ["files/part-000-000004.parquet"] * 3
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
    metadata = pq.ParquetFile(output / "lines/part-000-000000.parquet").metadata
    column = metadata.row_group(0).column(1)
    assert (column.compression, column.has_dictionary_page) == ("ZSTD", False)
    assert verify(str(output)) == []


def test_commits_from_before_there_were_shared_parts(local: Path) -> None:
    for path in (local / "_job/commits").iterdir():
        record = json.loads(path.read_text())
        del record["record_sha256"]
        for part in record["parts"].values():
            del part["first_row"], part["own_bytes"]
        path.write_text(json.dumps(record))
    before = rows(local)
    pack(local)
    assert rows(local) == before
    assert verify(str(local)) == []


def test_commits_keep_what_else_they_say(local: Path) -> None:
    storage = Storage(str(local))
    before = list(read_commits(storage, sorted(committed(storage))))
    pack(local)
    after = list(read_commits(storage, sorted(committed(storage))))
    assert [replace(report, parts={}) for report in after] == [
        replace(report, parts={}) for report in before
    ]


def test_output_that_a_run_has_is_refused(local: Path) -> None:
    with Lease(Storage(str(local))), pytest.raises(UserError, match="Another run is writing to"):
        pack(local)


def test_no_job_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There is no job in '.*'; check the path"):
        pack(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_planned_and_nothing_done(tmp_path: Path, folder: Path) -> None:
    Plan(Storage(str(tmp_path / "out"))).extend(list_folder(folder), SIZES)
    assert pack(tmp_path / "out") == {}


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[6] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [flip_a_byte, Path.unlink, lambda path: path.write_bytes(b"")])
def test_damaged_part_is_refused_and_nothing_is_changed(local: Path, damage: Any) -> None:
    damage(local / "files/part-000-000002.parquet")
    before = {path: (local / path).read_bytes() for path in files(local)}
    with pytest.raises(
        UserError, match=r"'files/part-000-000002.parquet' is not as its commit says"
    ):
        pack(local)
    assert {path: (local / path).read_bytes() for path in files(local)} == before


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


@pytest.mark.parametrize("output", ["memory"], indirect=True)
def test_every_row_is_there_once_wherever_an_object_store_fails(mortal: str) -> None:
    before, expected_rows = contents(mortal), rows(mortal)
    target = 3 * max(own_bytes(mortal, "files"))
    pack(mortal, target)
    expected = contents(mortal)
    assert len(expected) < len(before)
    died = 0
    while True:
        restore(mortal, before)
        Mortal.lives = died
        try:
            pack(mortal, target)
            break
        except OutputError:
            pass
        # The end of it fails as well, a little later each time.
        for lives in range(100):
            Mortal.lives = lives
            try:
                finish_compaction(Storage(mortal))
                break
            except OutputError:
                continue
        Mortal.lives = sys.maxsize
        assert verify(mortal) == [], f"after {died} changes"
        assert rows(mortal) == expected_rows, f"after {died} changes"
        pack(mortal, target)
        assert data_of(contents(mortal)) == data_of(expected), f"after {died} changes"
        assert set(contents(mortal)) == set(expected), f"after {died} changes"
        died += 1
    assert died > 20


def die_at(output: str, changes: int) -> None:
    """Compacts in a process that is killed before it changes one file or folder too many."""
    die_before(output, changes)
    pack(output)


def test_every_row_is_there_once_wherever_the_process_is_killed(tmp_path: Path) -> None:
    saved = make_output(str(tmp_path / "saved"), make_folder(tmp_path / "in", 6))
    expected_rows = rows(saved)
    whole = Path(shutil.copytree(saved, tmp_path / "whole"))
    pack(whole)
    expected, expected_files = part_digests(whole), files(whole)
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
        if changes % 2:  # either way, but not both each time: disks are slow
            finish_compaction(Storage(str(output)))
            assert not (output / "_job/compaction.json").exists()
            assert not [path for path in files(output) if path.endswith(".tmp")]
        else:
            pack(output)
            assert part_digests(output) == expected, f"after {changes} changes"
            assert files(output) == expected_files, f"after {changes} changes"
        assert verify(str(output)) == [], f"after {changes} changes"
        assert rows(output) == expected_rows, f"after {changes} changes"
        changes += 1
    assert changes > 30


@pytest.mark.parametrize("output", ["memory"], indirect=True)
def test_verify_says_that_a_compaction_has_not_finished(mortal: str) -> None:
    Mortal.lives = 4
    with pytest.raises(OutputError):
        pack(mortal)
    (problem,) = verify(mortal)
    assert problem.startswith("A compaction is under way or was killed")


@pytest.mark.parametrize("output", ["memory"], indirect=True)
def test_damage_between_kill_and_finish_is_one_sentence(mortal: str) -> None:
    Mortal.lives = 4
    with pytest.raises(OutputError):
        pack(mortal)
    Mortal.lives = sys.maxsize
    Storage(mortal).publish_bytes(b"", "files/part-000-000000.parquet")
    with pytest.raises(UserError, match=r"000-000000.json to 000-000006.json in _job/commits"):
        pack(mortal)


def test_error_leaves_no_journal(local: Path) -> None:
    (local / "lines/part-000-000002.parquet").unlink()
    with pytest.raises(UserError, match="lines/part-000-000002"):
        pack(local)
    assert len(parts(local, "files")) == 1  # done before
    assert not (local / "_job/compaction.json").exists()
    assert verify(str(local)) == ["lines/part-000-000002.parquet is missing."]


def test_run_goes_on_after_a_compaction(local: Path, folder: Path) -> None:
    pack(local)
    make_folder(folder, 4, start=MEMBERS)
    settings = RunSettings(workers=1, shards=SIZES)
    summary = run(JOB, lambda: list_folder(folder), str(local), settings, IDENTITY)
    assert (summary.new_members, summary.processed, summary.exit_code) == (4, 4, 0)
    assert verify(str(local)) == []


def test_damaged_journal_is_one_sentence(local: Path) -> None:
    (local / "_job/compaction.json").write_text('{"outputs": []}')
    with pytest.raises(UserError, match=r"'_job/compaction.json' is damaged \(merge: Field req"):
        pack(local)
