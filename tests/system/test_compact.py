"""The parts of a real job merged: the same rows for every reader, also after a kill."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.engine.driver.compact import compact
from jobs.engine.driver.verify import verify
from jobs.engine.parts.part_writer import PartWriter
from jobs.extract import schema as tables
from jobs.extract.config import Config
from jobs.storage.storage import Storage
from tests.command import environment, mtcnn_ray
from tests.servers.object_store import ObjectStore
from tests.system.conftest import SHARDS
from tests.system.outputs import Finished, contents, digests, everything, rows
from tests.system.processes import wait_until

TABLES = ("images", "faces")
# Nobody listens there: a run that needed Ray would end with an error.
_NO_RAY = {"RAY_ADDRESS": "127.0.0.1:1"}
_DRIVER = "import sys; from jobs.engine.driver.compact import compact; compact(sys.argv[1])"


@pytest.fixture
def copied(one_worker: Finished, tmp_path: Path) -> Path:
    """A finished output of one's own."""
    shutil.copytree(one_worker.output, tmp_path / "out", copy_function=shutil.copy2)
    return tmp_path / "out"


@pytest.fixture(scope="module")
def compacted(one_worker: Finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished output with one part a table."""
    output = tmp_path_factory.mktemp("compacted") / "out"
    shutil.copytree(one_worker.output, output)
    compact(str(output))
    return output


@pytest.mark.parametrize("table", TABLES)
def test_rows_stay(one_worker: Finished, compacted: Path, table: str) -> None:
    assert [path.name for path in (compacted / table).iterdir()] == ["part-000-000000.3.parquet"]
    assert rows(compacted, table) == one_worker.rows(table)


@pytest.mark.parametrize("table", TABLES)
def test_merged_part_is_what_a_worker_would_have_written(
    one_worker: Finished, compacted: Path, tmp_path: Path, table: str
) -> None:
    settings = Config().output
    files = sorted((one_worker.output / table).iterdir())
    schema = pq.read_schema(files[0])
    options = tables.writer_options(table, settings.compression)
    with PartWriter(
        Storage(str(tmp_path)), ["part"], schema, settings.row_group_bytes, options
    ) as part:
        for file in files:
            for batch in pq.ParquetFile(file).read().to_batches():
                part.write(batch)
        expected = part.publish().sha256
    assert contents(compacted)[table] == [expected]
    assert b"huggingface" in (schema.metadata or {})


def test_readers_of_the_folder_find_all_rows(one_worker: Finished, compacted: Path) -> None:
    for table in TABLES:
        found: pa.Table = pq.read_table(compacted / table)
        assert found.num_rows == len(one_worker.rows(table))


def test_commands_find_the_job_finished(compacted: Path, photos: Path) -> None:
    assert mtcnn_ray("verify", compacted).returncode == 0
    before = everything(compacted)
    again = mtcnn_ray("extract", photos, compacted, *SHARDS, env=_NO_RAY)
    assert (again.returncode, again.stderr) == (0, "")
    assert "nothing was left to do" in again.stdout
    assert everything(compacted) == before


def test_object_stores_come_to_the_same_bytes(
    s3: ObjectStore, one_worker: Finished, compacted: Path, tmp_path: Path
) -> None:
    url = s3.upload(one_worker.output)
    compact(url, options=s3.options)
    assert digests(s3.download(url, tmp_path)) == digests(compacted)
    assert verify(url, s3.options) == []


def kill_halfway(output: Path) -> None:
    """Compacts in a process of its own, killed as soon as there is a merged part."""
    with subprocess.Popen(
        [sys.executable, "-c", _DRIVER, str(output)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment({"PYTHONPATH": str(Path(__file__).parents[2])}),
    ) as process:
        wait_until(lambda: any(output.glob("*/part-*.*.parquet")), process)
        process.send_signal(signal.SIGKILL)


def test_extract_finishes_a_compaction_that_was_killed(
    copied: Path, one_worker: Finished, photos: Path
) -> None:
    kill_halfway(copied)
    assert not (copied / "_SUCCESS").exists()
    assert mtcnn_ray("verify", copied).returncode == 1
    assert mtcnn_ray("extract", photos, copied, *SHARDS, env=_NO_RAY).returncode == 0
    assert mtcnn_ray("verify", copied).returncode == 0
    for table in TABLES:
        assert rows(copied, table) == one_worker.rows(table)


def test_compacting_again_comes_to_the_same_bytes(copied: Path, compacted: Path) -> None:
    kill_halfway(copied)
    compact(str(copied))
    assert contents(copied) == contents(compacted)
    assert not list(copied.rglob("*.tmp"))


def test_command_merges_and_says_so(copied: Path, one_worker: Finished) -> None:
    done = mtcnn_ray("compact", copied)
    assert done.returncode == 0, done.stderr
    assert [len(list((copied / table).iterdir())) for table in TABLES] == [1, 1]
    [line] = [line for line in done.stdout.splitlines() if " faces " in line]
    assert [cell.strip() for cell in line.split("│")[2:4]] == ["11", "1"]
    assert mtcnn_ray("verify", copied).returncode == 0


def test_command_cuts_row_groups_as_the_config_says(tmp_path: Path, photos: Path) -> None:
    limits = ("--set", "output.row_group_bytes=20000", "--set", "run.shards.max_members=3")
    job = mtcnn_ray("extract", photos / "plain", tmp_path / "out", "--workers", 1, *limits)
    assert job.returncode == 0, job.stderr
    assert mtcnn_ray("compact", tmp_path / "out").returncode == 0
    [part] = (tmp_path / "out" / "faces").iterdir()
    assert pq.ParquetFile(part).metadata.num_row_groups > 1


def test_no_job_to_compact_is_one_sentence(tmp_path: Path) -> None:
    done = mtcnn_ray("compact", tmp_path)
    sentence = f"mtcnn-ray: there is no job in '{tmp_path}': check the path\n"
    assert (done.returncode, done.stderr) == (2, sentence)
