from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from jobs.engine.driver import run as run_module
from jobs.engine.driver.compact import compact
from jobs.engine.driver.retry import retry_items
from jobs.engine.driver.run import run
from jobs.engine.driver.status import status
from jobs.engine.driver.summary import Summary
from jobs.engine.driver.verify import verify
from jobs.engine.identity import Identity
from jobs.engine.ledger import ledger as ledger_module
from jobs.engine.ledger.commits import quarantined, read_failures
from jobs.engine.settings import RunSettings, ShardSizes
from jobs.messages.errors import JobError, NotNowError, UserError
from jobs.storage.storage import Storage
from tests.jobs.engine.outputs import IDENTITY, edit_record, part_digests
from tests.jobs.engine.stand_in import ChecksumJob, list_folder, make_folder

SETTINGS = RunSettings(workers=2, shards=ShardSizes(first=2, step=2))
# Nobody answers there: a run with it passes only if it does not ask for Ray.
NO_RAY = SETTINGS.model_copy(update={"ray_address": "127.0.0.1:1"})


def run_folder(
    folder: Path,
    output: Path,
    settings: RunSettings = SETTINGS,
    identity: Identity = IDENTITY,
    job: ChecksumJob | None = None,
) -> Summary:
    return run(job or ChecksumJob(), lambda: list_folder(folder), str(output), settings, identity)


def snapshot(output: Path) -> dict[Path, tuple[int, int]]:
    paths = [output, *output.rglob("*")]
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in paths}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary]:
    """A folder with `in` and the finished `out`, not to be changed, and how the run ended."""
    base = tmp_path_factory.mktemp("original")
    folder = make_folder(base / "in", 40)
    return base, run_folder(folder, base / "out")


@pytest.fixture
def base(original: tuple[Path, Summary], tmp_path: Path) -> Path:
    """A copy of the finished job."""
    return shutil.copytree(original[0], tmp_path / "copy")


def test_every_member_has_its_row(original: tuple[Path, Summary]) -> None:
    keys = pq.read_table(original[0] / "out" / "files")["key"].to_pylist()
    assert sorted(keys) == [member.key for member in list_folder(original[0] / "in")]


def test_finished_job_verifies(original: tuple[Path, Summary]) -> None:
    assert verify(str(original[0] / "out")) == []


def test_finished_job_is_marked(original: tuple[Path, Summary]) -> None:
    base, summary = original
    stored = json.loads((base / "out" / "_job" / "summary.json").read_text())
    assert (base / "out" / "_SUCCESS").exists()
    assert stored["status"]["statuses"] == {"ok": 40}
    assert summary.exit_code == stored["exit_code"] == 0


def test_summary_agrees_with_status(original: tuple[Path, Summary]) -> None:
    assert status(str(original[0] / "out")) == original[1].status


def test_one_worker_gives_the_same_bytes(original: tuple[Path, Summary], tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"workers": 1})
    run_folder(original[0] / "in", tmp_path / "out", settings)
    assert part_digests(tmp_path / "out") == part_digests(original[0] / "out")


def test_storage_without_special_treatment_gives_the_same_bytes(
    original: tuple[Path, Summary], tmp_path: Path
) -> None:
    options = {
        "path": str(tmp_path),
        "target_protocol": "file",
        "target_options": {"auto_mkdir": True},
    }
    folder = original[0] / "in"
    members = lambda: list_folder(folder)  # noqa: E731
    summary = run(ChecksumJob(), members, "dir://out", SETTINGS, IDENTITY, options=options)
    assert summary.exit_code == 0
    assert verify("dir://out", options) == []
    assert part_digests(tmp_path / "out") == part_digests(original[0] / "out")


def test_finished_job_needs_no_ray_and_touches_nothing(base: Path) -> None:
    before = snapshot(base / "out")
    assert run_folder(base / "in", base / "out", NO_RAY).exit_code == 0
    assert snapshot(base / "out") == before


def test_new_files_make_a_generation_and_touch_no_part(base: Path) -> None:
    before = part_digests(base / "out")
    parts = {path: path.stat().st_mtime_ns for path in base.glob("out/*/part-*")}
    make_folder(base / "in", 3, start=100)
    summary = run_folder(base / "in", base / "out")
    after = part_digests(base / "out")
    added = {f"{name}/001-00000{n}" for name in ("files", "lines") for n in (0, 1)}
    assert after.keys() - before.keys() == added
    assert {path: path.stat().st_mtime_ns for path in parts} == parts
    assert (summary.new_members, summary.status.members) == (3, 43)
    assert verify(str(base / "out")) == []


def test_nothing_is_written_where_no_cluster_answers(base: Path) -> None:
    make_folder(base / "in", 1, start=100)
    before = snapshot(base / "out")
    with pytest.raises(NotNowError, match=r"no Ray cluster at '127\.0\.0\.1:1'"):
        run_folder(base / "in", base / "out", NO_RAY)
    assert snapshot(base / "out") == before


def test_no_output_is_begun_where_no_cluster_answers(tmp_path: Path) -> None:
    make_folder(tmp_path / "in", 1)
    with pytest.raises(NotNowError, match="no Ray cluster"):
        run_folder(tmp_path / "in", tmp_path / "out", NO_RAY)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_retry_begins_nothing_where_no_cluster_answers(base: Path) -> None:
    before = snapshot(base / "out")
    with pytest.raises(NotNowError, match="no Ray cluster"):
        retry_items(ChecksumJob(), str(base / "out"), NO_RAY, IDENTITY, ("ok",))
    assert snapshot(base / "out") == before


def test_unfinished_job_is_not_marked_any_more(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_folder(base / "in", 1, start=100)
    monkeypatch.setattr(run_module, "reach", lambda _: None)  # it goes away just afterwards
    with pytest.raises(UserError, match=r"no Ray cluster at '127\.0\.0\.1:1'"):
        run_folder(base / "in", base / "out", NO_RAY)
    assert not (base / "out" / "_SUCCESS").exists()


def test_shard_whose_commit_is_gone_is_done_again_alike(base: Path) -> None:
    before = part_digests(base / "out")
    for path in base.glob("out/*/*-000-000003.parquet"):
        path.write_bytes(b"damaged")
    (base / "out/_job/commits/000-000003.json").unlink()
    run_folder(base / "in", base / "out")
    assert part_digests(base / "out") == before
    assert (base / "out" / "_SUCCESS").exists()


def test_shard_that_a_checkpoint_knows_is_done_again_if_its_commit_is_gone(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, before = base / "out", part_digests(base / "out")
    with monkeypatch.context() as patch:
        patch.setattr(ledger_module, "_LEAST_SHARDS", 1)
        (output / "_SUCCESS").unlink()
        run_folder(base / "in", output, NO_RAY)
    assert (output / "_job/checkpoints").exists()
    for path in output.glob("*/*-000-000003.parquet"):
        path.write_bytes(b"damaged")
    (output / "_job/commits/000-000003.json").unlink()
    run_folder(base / "in", output)
    assert verify(str(output)) == []
    assert part_digests(output) == before


def test_merged_part_is_made_anew_if_the_commits_of_its_shards_are_gone(base: Path) -> None:
    output, before = base / "out", part_digests(base / "out")
    compact(str(output))
    for path in output.glob("*/part-*"):
        path.write_bytes(b"damaged")
    for path in output.glob("_job/commits/*"):
        path.unlink()
    run_folder(base / "in", output)
    assert verify(str(output)) == []
    assert part_digests(output) == before


def test_leftovers_of_killed_workers_are_removed(base: Path) -> None:
    output = base / "out"
    (output / "_job/commits/000-000003.json").unlink()
    (output / "files/.part-000-000003.parquet.0.tmp").write_bytes(b"half")
    # Would be taken for the note of an attempt that is still to come.
    (output / "_job/attempts").mkdir(exist_ok=True)
    (output / "_job/attempts/000-000003.json").write_text('{"attempt": 2, "member": 0}')
    run_folder(base / "in", output)
    assert list(output.rglob(".*")) == []
    assert list((output / "_job/attempts").iterdir()) == []


def test_only_the_last_step_is_missing(base: Path) -> None:
    (base / "out" / "_SUCCESS").unlink()
    run_folder(base / "in", base / "out", NO_RAY)
    assert (base / "out" / "_SUCCESS").exists()


def test_other_config_is_refused(base: Path) -> None:
    other = replace(IDENTITY, config={"detect": {"min_face": 40}}, digest="other")
    with pytest.raises(UserError, match=r"detect.min_face \(was 20, is 40\)"):
        run_folder(base / "in", base / "out", identity=other)


def test_other_package_versions_are_warned_about_once(
    base: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "jobs.engine"):
        other = replace(IDENTITY, packages={"pyarrow": "999"})
        run_folder(base / "in", base / "out", NO_RAY, other)
    assert [record.getMessage() for record in caplog.records] == [
        "Other package versions than when the job was begun: pyarrow 0 -> 999."
    ]


def test_empty_input_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is nothing in the input 'in': check the path"):
        run_folder(make_folder(tmp_path / "in", 0), tmp_path / "out")


def test_quarantined_shard_is_tried_again(tmp_path: Path) -> None:
    folder, output = make_folder(tmp_path / "in", 10), tmp_path / "out"
    storage = Storage(str(output))
    healthy = (folder / "00004.txt").read_bytes()
    (folder / "00004.txt").write_bytes(b"bug")
    summary = run_folder(folder, output)
    [failure] = read_failures(storage, quarantined(storage))
    assert failure.key == "00004.txt"
    assert (summary.exit_code, (output / "_SUCCESS").exists()) == (1, False)
    assert summary.status.shards_quarantined == 1

    (folder / "00004.txt").write_bytes(healthy)
    assert run_folder(folder, output).exit_code == 0
    assert quarantined(storage) == set()
    assert (output / "_SUCCESS").exists()


@pytest.mark.parametrize(("tolerated", "exit_code"), [(0.2, 1), (0.25, 0)])
def test_exit_code_tells_of_too_many_failures(
    original: tuple[Path, Summary], tolerated: float, exit_code: int
) -> None:
    some = replace(original[1].status, failed=10)
    summary = replace(original[1], status=some, max_failed_fraction=tolerated)
    assert summary.exit_code == exit_code


def test_bug_that_strikes_everything_ends_the_run(tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"shards": ShardSizes(first=2, step=100)})
    folder = make_folder(tmp_path / "in", 80)
    for path in folder.iterdir():
        path.write_bytes(b"bug")
    with pytest.raises(JobError, match=r"first 16 shards all failed.*ZeroDivisionError: a bug"):
        run_folder(folder, tmp_path / "out", settings)


def test_summary_that_a_late_driver_has_made_wrong_is_put_right(base: Path) -> None:
    output = base / "out"
    entry = max(output.glob("_job/log/*"))
    for path, of in ((entry, ("summary", "status")), (output / "_job/summary.json", ("status",))):

        def edit(record: dict[str, Any], of: tuple[str, ...] = of) -> None:
            for name in of:
                record = record[name]
            record["members_done"] -= 1

        edit_record(path, edit)
    assert verify(str(output)) != []
    run_folder(base / "in", output, NO_RAY)
    assert verify(str(output)) == []
