"""Outputs of mtcnn-ray 0.1 (commit fce9665) are read, continued and repaired.

`outputs-0.1.tar.xz` was made by that version: all but one by the stand-in job, on a folder `in` of
eight files by `make_folder`, two a shard; `demo` by `mtcnn-ray extract demo: demo --set
run.shards.first=4 --set run.shards.step=100 --set crop.format=none`.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.dataset import open_dataset
from jobs.engine.driver import working
from jobs.engine.driver.compact import compact
from jobs.engine.driver.run import run
from jobs.engine.driver.status import status
from jobs.engine.driver.summary import Summary
from jobs.engine.driver.verify import verify
from jobs.engine.identity import FORMAT
from jobs.engine.records import SEAL, sealed
from jobs.engine.settings import RunSettings
from jobs.messages.errors import UserError
from tests.command import mtcnn_ray
from tests.jobs.engine import retries
from tests.jobs.engine.outputs import IDENTITY
from tests.jobs.engine.stand_in import ChecksumJob, list_folder, make_folder
from tests.system.outputs import digests, rows

_ARCHIVE = Path(__file__).with_name("outputs-0.1.tar.xz")
_STAND_INS = (
    "plain",
    "compacted",
    "retried",
    "two-generations",
    "unreadable",
    "unreadable-compacted",
)
_SETTINGS = RunSettings(workers=1, min_free_bytes=0, shards=retries.SIZES)


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the outputs, and their input where it was; drivers start no Ray."""
    with tarfile.open(_ARCHIVE) as archive:
        # Python 3.10.11 and 3.11.3 have no filters yet.
        filters = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(tmp_path, **filters)  # type: ignore[arg-type]
    monkeypatch.chdir(tmp_path)
    make_folder(Path("in"), 8)
    monkeypatch.setattr(working, "dispatched", retries.run_here)
    monkeypatch.setattr("jobs.engine.driver.working.dispatched", retries.run_here)
    return tmp_path


def resume(output: str) -> Summary:
    return run(ChecksumJob(), lambda: list_folder(Path("in")), output, _SETTINGS, IDENTITY)


@pytest.mark.parametrize("output", _STAND_INS)
def test_a_finished_one_is_as_it_should_be(old: Path, output: str) -> None:
    found = status(output)
    assert (found.success, found.shards_done) == (True, 6 if output == "two-generations" else 4)
    assert verify(output) == []


@pytest.mark.parametrize("output", _STAND_INS)
def test_nothing_is_done_to_a_finished_one(old: Path, output: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in Path(output).rglob("*")}
    resume(output)
    assert {path: path.stat().st_mtime_ns for path in Path(output).rglob("*")} == before


@pytest.mark.parametrize("output", ["plain", "compacted", "retried"])
def test_new_members_are_added(old: Path, output: str) -> None:
    make_folder(Path("in"), 3, start=8)
    assert resume(output).status.success
    assert verify(output) == []
    assert keyed(Path(output)) == keyed(Path("two-generations"))


@pytest.mark.parametrize("output", ["unreadable", "unreadable-compacted"])
def test_what_failed_is_retried(old: Path, output: str) -> None:
    done = retries.retry(output)
    assert (done.exit_code, done.summary.processed) == (0, 1)
    assert verify(output) == []
    assert keyed(Path(output)) == keyed(Path("plain"))


@pytest.mark.parametrize("output", _STAND_INS)
def test_parts_are_merged(old: Path, output: str) -> None:
    before = keyed(Path(output))
    compact(output, row_group_bytes=2000)
    assert verify(output) == []
    assert keyed(Path(output)) == before


def test_a_shard_that_was_given_up_is_tried_again(old: Path) -> None:
    assert verify("quarantine") == ["Shard 000-000001 is in quarantine."]
    assert resume("quarantine").exit_code == 0
    assert verify("quarantine") == []
    assert digests(Path("quarantine")) == digests(Path("plain"))


def test_one_whose_driver_was_killed_is_continued_to_the_same_bytes(old: Path) -> None:
    assert resume("killed").exit_code == 0
    assert verify("killed") == []
    assert digests(Path("killed")) == digests(Path("plain"))


def test_the_earlier_version_is_kept_away_from_what_it_would_misread(old: Path) -> None:
    compact("plain")
    # It refuses a record with a field that it does not know.
    assert json.loads(Path("plain/_job/job.json").read_text())["format"] == FORMAT


@pytest.mark.parametrize("record", ["redo.json", "compaction.json", "redo/000-000000.json"])
def test_one_that_was_stopped_half_way_goes_back_to_the_version_that_did_so(
    old: Path, record: str
) -> None:
    path = Path("plain/_job", record)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(sealed({"files": {}}))
    with pytest.raises(UserError, match=r"stopped half-way by mtcnn-ray 0\.1: run '"):
        resume("plain")


def test_committed_rows_are_read(old: Path) -> None:
    dataset = open_dataset("compacted")
    assert dataset.statuses == {"ok": 8}
    assert dataset.read("files", ["key"])["key"].to_pylist() == [f"{n:05d}.txt" for n in range(8)]


def test_an_extraction_is_verified_retried_and_compacted_by_the_command(old: Path) -> None:
    before = found(Path("demo"))
    for command in (
        ("verify", "demo"),
        ("extract", "demo:", "demo", *_DEMO),
        ("retry", "demo", "--status", "ok", "--workers", 1),
        ("compact", "demo"),
        ("verify", "demo"),
        ("status", "demo"),
    ):
        done = mtcnn_ray(*command)
        assert done.returncode == 0, done.stderr
    assert found(Path("demo")) == before


_DEMO = (
    *("--set", "run.shards.first=4"),
    *("--set", "run.shards.step=100"),
    *("--set", "crop.format=none"),
)


def keyed(output: Path) -> dict[str, list[dict[str, object]]]:
    """Table -> rows in their order."""
    return {table: rows(output, table) for table in ("files", "lines")}


def found(output: Path) -> list[tuple[object, ...]]:
    """What became of each photo, as far as that is the same on every processor."""
    return [(row["key"], row["status"], row["num_faces"]) for row in rows(output, "images")]


def newer(output: str) -> None:
    """Makes an output one of a version to come: other records, of which a field is unknown."""
    path = Path(output, "_job/job.json")
    record = {**json.loads(path.read_text()), "format": FORMAT + 1, "shelf": "new"}
    path.write_bytes(sealed({name: each for name, each in record.items() if name != SEAL}))


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(resume, id="run"),
        pytest.param(retries.retry, id="retry"),
        pytest.param(compact, id="compact"),
        pytest.param(status, id="status"),
        pytest.param(verify, id="verify"),
        pytest.param(open_dataset, id="open_dataset"),
    ],
)
def test_one_of_a_newer_version_is_refused_and_not_called_damaged(
    old: Path, command: Callable[[str], object]
) -> None:
    newer("plain")
    versions = rf"newer mtcnn-ray \(format {FORMAT + 1}, this one knows {FORMAT}\): update"
    with pytest.raises(UserError, match=versions):
        command("plain")


def test_the_command_says_so_in_one_sentence(old: Path) -> None:
    newer("demo")
    done = mtcnn_ray("extract", "demo:", "demo", *_DEMO)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "made by a newer mtcnn-ray" in done.stderr
