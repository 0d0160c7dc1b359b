"""The command `retry`, in this process."""

from __future__ import annotations

import pickle
import shutil
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import jobs.photos.decode
from jobs.engine.driver import working
from jobs.engine.driver.compact import compact
from jobs.engine.driver.verify import verify
from jobs.engine.plans.plan import Plan
from jobs.engine.reports import ShardReport
from jobs.engine.workers.worker import Worker
from jobs.extract.config import load_config
from jobs.extract.kind import EXTRACT
from jobs.kind.continuing import begun
from jobs.kind.job_kind import Opened
from jobs.kind.retry import retry
from jobs.kind.run import identity_of, run_job
from jobs.messages.errors import UserError
from jobs.sources.demo import demo_folder
from jobs.storage.storage import Storage
from tests.jobs.engine.outputs import part_digests
from tests.jobs.engine.retries import run_here

SETS = ("run.shards.first=2", "run.shards.max_members=2", "detect.min_face=40")
NAMES = ("a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg")


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards run in this process."""
    monkeypatch.setattr(working, "dispatched", run_here)


@pytest.fixture
def folder(tmp_path: Path, cache_folder: Path) -> Path:
    """Five photos, of which three have faces."""
    pytest.importorskip("skimage")
    (tmp_path / "in").mkdir()
    pictures = ("faces/astronaut.jpg", "scenes/cat.jpg", "faces/two.jpg", "faces/small.jpg")
    for name, picture in zip(NAMES, (*pictures, "broken/truncated.jpg"), strict=True):
        shutil.copy(demo_folder() / picture, tmp_path / "in" / name)
    return tmp_path / "in"


@pytest.fixture
def archive(folder: Path) -> Path:
    path = folder.parent / "in.tar"
    with tarfile.open(path, "w") as tar:
        for name in NAMES:
            tar.add(folder / name, name)
    return path


def opened(source: Path) -> Opened:
    return EXTRACT.open(str(source), begun(EXTRACT, load_config(None, sets=SETS)))


def plan(source: Path, output: Path) -> None:
    going, found = begun(EXTRACT, load_config(None, sets=SETS)), opened(source)
    storage = Storage(str(output))
    identity_of(EXTRACT, str(source), going, found).write(storage)
    Plan(storage).extend(found.list_members(), found.settings.shards)


def commit(source: Path, output: Path, verdicts: Mapping[int, str] | None = None) -> Path:
    """Extracts what is planned, or all if nothing is; there may be verdicts on the first shard."""
    storage = Storage(str(output))
    if not Plan(storage).generations:
        plan(source, output)
    worker = Worker(str(output), {}, ["pyarrow"])
    worker.start(pickle.dumps(opened(source).job))
    for number, spec in enumerate(Plan(storage).shards()):
        found = worker.run(spec if number else replace(spec, verdicts=verdicts or {}))
        assert isinstance(found, ShardReport)
    return output


def statuses(output: Path) -> dict[str, str]:
    table = pq.read_table(output / "images", columns=["key", "status"])
    rows = table.sort_by("key").to_pylist()
    return {row["key"]: row["status"] for row in rows}


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The photos that were decoded."""
    names: list[str] = []
    actual = jobs.photos.decode.read_photo

    def noted(data: bytes, *, name: str, **more: Any) -> Any:
        names.append(name)
        return actual(data, name=name, **more)

    monkeypatch.setattr(jobs.photos.decode, "read_photo", noted)
    return names


@pytest.fixture
def incomplete(folder: Path) -> Path:
    """An output of which two photos, with faces, were not there; they are now."""
    output = folder.parent / "out"
    plan(folder, output)
    for name in ("a.jpg", "d.jpg"):
        (folder / name).rename(folder.parent / name)
    commit(folder, output)
    for name in ("a.jpg", "d.jpg"):
        (folder.parent / name).rename(folder / name)
    assert statuses(output)["a.jpg"] == statuses(output)["d.jpg"] == "unreadable"
    return output


@pytest.mark.parametrize("compacted", [False, True])
def test_photos_of_a_folder_that_were_not_there(
    incomplete: Path, folder: Path, decoded: list[str], compacted: bool
) -> None:
    whole = commit(folder, folder.parent / "whole")
    if compacted:
        compact(str(incomplete))
        compact(str(whole))
    decoded.clear()
    done = retry(EXTRACT, str(incomplete))
    assert (done.summary.processed, done.exit_code) == (2, 0)
    assert sorted(decoded) == ["a.jpg", "d.jpg"]
    assert part_digests(incomplete) == part_digests(whole)
    assert verify(str(incomplete)) == []


@pytest.mark.parametrize("compacted", [False, True])
def test_photos_of_an_archive_that_killed_workers(
    archive: Path, decoded: list[str], compacted: bool
) -> None:
    whole = commit(archive, archive.parent / "whole")
    output = commit(archive, archive.parent / "out", {0: "crashed", 2: "timeout"})
    if compacted:
        compact(str(output))
        compact(str(whole))
    decoded.clear()
    assert retry(EXTRACT, str(output)).summary.processed == 2
    assert sorted(decoded) == ["a.jpg", "c.jpg"]
    assert part_digests(output) == part_digests(whole)


def test_only_the_statuses_that_are_named(archive: Path, decoded: list[str]) -> None:
    output = commit(archive, archive.parent / "out", {0: "crashed", 2: "timeout"})
    decoded.clear()
    retry(EXTRACT, str(output), "timeout,unreadable")
    assert decoded == ["c.jpg"]
    assert statuses(output)["a.jpg"] == "crashed"


def test_archive_that_was_cut_off(archive: Path) -> None:
    whole = commit(archive, archive.parent / "whole")
    content = archive.read_bytes()
    output = archive.parent / "out"
    plan(archive, output)
    archive.write_bytes(content[: len(content) // 2])
    commit(archive, output)
    assert "unreadable" in statuses(output).values()
    assert statuses(output).keys() != statuses(whole).keys()
    archive.write_bytes(content)
    retry(EXTRACT, str(output))
    assert part_digests(output) == part_digests(whole)


def test_photo_that_is_not_there_stays_unreadable(incomplete: Path, folder: Path) -> None:
    (folder / "d.jpg").unlink()
    done = retry(EXTRACT, str(incomplete), sets=["run.max_failed_fraction=0.1"])
    assert (statuses(incomplete)["a.jpg"], statuses(incomplete)["d.jpg"]) == ("ok", "unreadable")
    assert done.exit_code == 1


def test_unknown_status_names_the_known_ones(incomplete: Path) -> None:
    with pytest.raises(
        UserError, match=r"^there is no status 'unreadible': known are ok, no_face, .*crash"
    ):
        retry(EXTRACT, str(incomplete), "unreadable,unreadible")


def test_no_job_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no job in '.*nothing': check the path"):
        retry(EXTRACT, str(tmp_path / "nothing"))
    assert not (tmp_path / "nothing").exists()


def test_settings_that_change_rows_are_refused(incomplete: Path) -> None:
    before = part_digests(incomplete)
    with pytest.raises(
        UserError, match=r"detect.min_face \(was 40\.0, is 20\.0\).*another output$"
    ):
        retry(EXTRACT, str(incomplete), sets=["detect.min_face=20"])
    assert part_digests(incomplete) == before


def test_settings_of_the_pace_are_not(incomplete: Path) -> None:
    sets = ["input.threads=2", "run.line_every_s=1"]
    assert retry(EXTRACT, str(incomplete), flags={"run.workers": 3}, sets=sets).exit_code == 0


def test_input_that_was_moved(
    incomplete: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.rename(folder.parent / "moved")
    with pytest.raises(UserError, match=r"; or say with --input where it is now"):
        retry(EXTRACT, str(incomplete))
    assert retry(EXTRACT, str(incomplete), source_url=str(folder.parent / "moved")).exit_code == 0
    assert statuses(incomplete)["a.jpg"] == "ok"
    assert f"The input was '{folder}'" in caplog.text


@pytest.fixture
def two_inputs(folder: Path) -> tuple[Path, Path, Path]:
    """Two folders with other photos under the same names, and an output of both."""
    other = folder.parent / "other"
    other.mkdir()
    shutil.copy(folder / "c.jpg", other / "b.jpg")
    shutil.copy(folder / "a.jpg", other / "e.jpg")
    output = folder.parent / "out"
    run_job(EXTRACT, str(folder), str(output), load_config(None, sets=SETS))
    prefixed = load_config(None, sets=[*SETS, "input.key_prefix=other"])
    run_job(EXTRACT, str(other), str(output), prefixed)
    return folder, other, output


def test_photos_are_looked_for_where_they_were_planned_from(
    two_inputs: tuple[Path, Path, Path],
) -> None:
    *_, output = two_inputs
    before = part_digests(output)
    done = retry(EXTRACT, str(output), "ok,no_face,undecodable")
    assert (done.summary.processed, done.exit_code) == (7, 0)
    assert part_digests(output) == before


def test_an_input_that_is_gone_is_told_and_no_row_is_replaced(
    two_inputs: tuple[Path, Path, Path],
) -> None:
    _, other, output = two_inputs
    before = part_digests(output)
    other.rename(other.with_name("away"))
    with pytest.raises(UserError, match=rf"'{other}': check the path; or say with --input"):
        retry(EXTRACT, str(output), "ok")
    assert part_digests(output) == before


def test_which_of_several_inputs_is_elsewhere_has_to_be_said(
    two_inputs: tuple[Path, Path, Path],
) -> None:
    folder, other, output = two_inputs
    before = part_digests(output)
    moved = str(other.rename(other.with_name("moved")))
    with pytest.raises(UserError, match=rf"rows from several inputs, '{folder}', '{other}'"):
        retry(EXTRACT, str(output), "ok", moved)
    done = retry(EXTRACT, str(output), "ok", moved, sets=[f"input.moved_from={other}"])
    assert done.exit_code == 0
    assert part_digests(output) == before


def test_a_row_is_not_replaced_by_one_that_knows_less(incomplete: Path, folder: Path) -> None:
    retry(EXTRACT, str(incomplete))
    before = part_digests(incomplete)
    (folder / "a.jpg").unlink()
    (folder / "b.jpg").unlink()
    retry(EXTRACT, str(incomplete), "ok,no_face")
    assert (statuses(incomplete)["a.jpg"], statuses(incomplete)["b.jpg"]) == ("ok", "no_face")
    assert part_digests(incomplete) == before
    assert verify(str(incomplete)) == []
