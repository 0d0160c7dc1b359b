"""Verifying what real jobs leave, while they run, and where they keep it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from jobs.engine.driver.verify import verify
from jobs.messages.errors import UserError
from jobs.registry import FAILED_STATUSES
from tests.command import mtcnn_ray
from tests.jobs.engine.damage import rewrite_part
from tests.servers.object_store import ObjectStore
from tests.system.conftest import SHARDS
from tests.system.outputs import Finished, everything
from tests.system.processes import running

# All there is to say of a job that is under way and in order.
_UNFINISHED = re.compile(
    r"Shard \d{3}-\d{6} is not done yet\.|Nothing is planned: .*|All shards are done, but .*"
)


@pytest.fixture
def copied(one_worker: Finished, tmp_path: Path) -> Path:
    """A finished output of one's own."""
    return Path(shutil.copytree(one_worker.output, tmp_path / "out"))


def test_a_running_job_is_unfinished_and_in_order(photos: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    strange: set[str] = set()
    left: set[str] = set()
    with running("extract", photos, output, "--workers", 2, *SHARDS) as process:
        while process.poll() is None:
            try:
                found = verify(str(output), failed_statuses=FAILED_STATUSES)
            except UserError as error:
                assert "there is no job in" in str(error), error
                continue
            left.update(each for each in found if each.endswith("is not done yet."))
            strange.update(each for each in found if not _UNFINISHED.fullmatch(each))
    assert not strange
    assert left
    assert verify(str(output), failed_statuses=FAILED_STATUSES) == []


def test_command_changes_nothing(copied: Path) -> None:
    before = everything(copied)
    done = mtcnn_ray("verify", copied)
    sentence = f"{copied}: every shard is committed and its files are as recorded.\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, sentence, "")
    assert everything(copied) == before


def test_command_lists_what_is_wrong(copied: Path) -> None:
    (copied / "images/part-000-000001.parquet").unlink()
    (copied / "faces/a\nb").touch()
    done = mtcnn_ray("verify", copied)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines() == [
        "images/part-000-000001.parquet is missing; run the job again.",
        "faces/a\\nb belongs to no commit.",
    ]
    as_json = mtcnn_ray("verify", copied, "--json")
    assert as_json.returncode == 1
    assert json.loads(as_json.stdout)["problems"][1] == "faces/a\nb belongs to no commit."


def test_faces_that_the_photos_do_not_count(copied: Path) -> None:
    path = next(
        path
        for path in sorted((copied / "faces").iterdir())
        if pq.ParquetFile(path).metadata.num_rows
    )
    name = f"faces/{path.name}"
    rewrite_part(copied, name, lambda table: table.slice(1))
    shard = path.stem.removeprefix("part-")
    problems = verify(str(copied), failed_statuses=FAILED_STATUSES)
    assert any(each.startswith(f"The rows of shard {shard} in {name}") for each in problems)


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("status", "_job/commits/000-000001.json"),
        ("status", "_job/plan/generation-000.json"),
        ("compact", "_job/job.json"),
        ("extract", "_job/commits/000-000001.json"),
    ],
)
def test_damaged_record_is_one_sentence(
    copied: Path, photos: Path, command: str, path: str
) -> None:
    (copied / path).write_text("{}")
    arguments = (photos, copied, *SHARDS) if command == "extract" else (copied,)
    done = mtcnn_ray(command, *arguments)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith(f"mtcnn-ray: '{path}' is damaged (")
    assert "restore it" in line


def test_damage_in_an_object_store(s3: ObjectStore, one_worker: Finished, tmp_path: Path) -> None:
    url = s3.upload(one_worker.output)
    assert verify(url, s3.options) == []
    files = s3.filesystem()
    part, record = "faces/part-000-000002.parquet", "_job/commits/000-000003.json"
    data = bytearray(files.cat_file(f"{url}/{part}"))
    data[len(data) // 2] ^= 1
    files.pipe_file(f"{url}/{part}", bytes(data))
    files.pipe_file(f"{url}/{record}", b"")
    files.pipe_file(f"{url}/images/sub/part", b"")
    assert [each.partition(" (")[0] for each in sorted(verify(url, s3.options))] == [
        f"'{record}' is damaged",
        f"{part} has other content than was committed",
        "images/sub is a folder that does not belong there.",
    ]
