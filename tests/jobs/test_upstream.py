"""The committed shards of an output as the members of another job's input."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.dataset import open_dataset
from jobs.engine.driver import working
from jobs.engine.driver.compact import compact
from jobs.members import Member
from jobs.messages.errors import UserError
from jobs.upstream import Upstream
from tests.jobs.engine import retries
from tests.jobs.engine.outputs import IDENTITY, plan_folder
from tests.jobs.engine.stand_in import make_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "in", 9)


@pytest.fixture
def output(tmp_path: Path, folder: Path) -> str:
    """Five shards of two files, or one."""
    output = str(tmp_path / "out")
    retries.commit_all(output, folder)
    return output


def _keys(upstream: Upstream, member: Member) -> list[str]:
    return [
        key
        for batch in upstream.rows(member, "files", ["key"])
        for key in batch.column("key").to_pylist()
    ]


def _upstream(output: str) -> Upstream:
    return Upstream(output, {}, IDENTITY.job)


def test_members_are_the_committed_shards(output: str) -> None:
    members = list(_upstream(output).members("files"))
    assert [member.key for member in members] == [f"000-00000{number}" for number in range(5)]
    assert [member.items for member in members] == [2, 2, 2, 2, 1]
    assert all(member.is_container for member in members)


def test_shards_that_are_not_committed_are_told_of(
    output: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_folder(folder, 11)
    plan_folder(Path(output), folder, retries.SIZES)
    assert len(list(_upstream(output).members("files"))) == 5
    assert "5 of the 6 planned shards" in caplog.text


def test_output_without_commits_is_refused(tmp_path: Path, folder: Path) -> None:
    plan_folder(tmp_path / "new", folder)
    with pytest.raises(UserError, match="nothing is committed"):
        next(_upstream(str(tmp_path / "new")).members("files"))


def test_output_of_another_job_is_refused(output: str) -> None:
    with pytest.raises(UserError, match="is an output of 'extract', not of 'embed'"):
        _ = Upstream(output, {}, "embed").digest


def test_rows_of_a_shard_are_read_wherever_they_lie(output: str) -> None:
    before = list(_upstream(output).members("files"))
    expected = [_keys(_upstream(output), member) for member in before]
    assert [key for keys in expected for key in keys] == open_dataset(output).read("files")[
        "key"
    ].to_pylist()
    compact(output)
    assert [_keys(_upstream(output), member) for member in before] == expected


def test_worker_reads_what_was_merged_meanwhile(output: str) -> None:
    upstream = _upstream(output)
    [first, *_] = upstream.members("files")
    compact(output)
    assert _keys(pickle.loads(pickle.dumps(upstream)), first) == ["00000.txt", "00001.txt"]
    assert _keys(upstream, first) == ["00000.txt", "00001.txt"]


def test_versions_stay_through_a_merge_and_change_where_rows_are_made_anew(
    output: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "dispatched", retries.run_here)
    other = str(tmp_path / "other")
    plan_folder(Path(other), folder, retries.SIZES)
    (folder / "00004.txt").rename(tmp_path / "away.txt")
    retries.commit_all(other, folder)
    compact(other)
    before = list(_upstream(other).members("files"))
    (tmp_path / "away.txt").rename(folder / "00004.txt")
    assert retries.retry(other).summary.processed == 1
    after = list(_upstream(other).members("files"))
    assert [old.version != new.version for old, new in zip(before, after, strict=True)] == [
        False,
        False,
        True,
        False,
        False,
    ]


def test_shard_that_was_made_anew_meanwhile_is_not_taken_for_what_it_was(output: str) -> None:
    upstream = _upstream(output)
    [first, *_] = upstream.members("files")
    with pytest.raises(UserError, match="has changed meanwhile: run the same command again"):
        _keys(upstream, replace(first, version="7"))


def test_planned_members_of_a_shard_are_those_it_was_made_of(output: str) -> None:
    planned = _upstream(output).planned("000-000001")
    assert [member.key for member in planned] == ["00002.txt", "00003.txt"]


def test_digest_tells_outputs_apart_wherever_they_lie(
    output: str, folder: Path, tmp_path: Path
) -> None:
    digest = _upstream(output).digest
    Path(output).rename(tmp_path / "moved")
    assert _upstream(str(tmp_path / "moved")).digest == digest
