from __future__ import annotations

from pathlib import Path

import pytest

from jobs.engine.driver.status import status
from jobs.engine.ledger.commits import write_failure
from jobs.engine.reports import ShardFailure
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage
from tests.jobs.engine.outputs import finished_output, plan_folder, start_worker
from tests.jobs.engine.stand_in import make_folder


def test_half_done(tmp_path: Path) -> None:
    plan = plan_folder(tmp_path / "out", make_folder(tmp_path / "in", 20))
    (tmp_path / "in" / "00003.txt").unlink()
    start_worker(tmp_path / "out").run(next(plan.shards()))
    now = status(str(tmp_path / "out"))
    assert (now.shards, now.shards_done, now.members, now.members_done) == (2, 1, 20, 16)
    assert (now.members_left, now.failed, now.complete) == (4, 1, False)
    assert now.statuses == {"ok": 15, "unreadable": 1}
    assert now.failed_fraction == 1 / 16


def test_only_shards_without_commit_are_in_quarantine(tmp_path: Path) -> None:
    output = finished_output(tmp_path)
    storage = Storage(str(output))
    storage.delete("_job/commits/000-000001.json")
    for shard in ("000-000000", "000-000001"):
        write_failure(storage, ShardFailure(shard, "why", 1, None, None, ""))
    assert status(str(output)).shards_quarantined == 1


def test_planned_and_nothing_done(tmp_path: Path) -> None:
    plan_folder(tmp_path / "out", make_folder(tmp_path / "in", 3))
    now = status(str(tmp_path / "out"))
    assert (now.members_left, now.failed_fraction, now.rows) == (3, 0.0, {})


def test_no_job_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no job in '.*': check the path"):
        status(str(tmp_path))


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("_job/commits/000-000001.json", "or delete it"),
        ("_job/plan/generation-000.json", "or use another output"),
    ],
)
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"shard": 1}'])
def test_damaged_record_is_one_sentence(
    tmp_path: Path, path: str, what: str, content: bytes
) -> None:
    output = finished_output(tmp_path)
    (output / path).write_bytes(content)
    with pytest.raises(UserError, match=rf"^'{path}' is damaged \(.*\): restore it .*{what}"):
        status(str(output))


def test_commit_of_another_shard_is_not_counted(tmp_path: Path) -> None:
    output = finished_output(tmp_path)
    commits = output / "_job/commits"
    (commits / "000-000001.json").write_bytes((commits / "000-000000.json").read_bytes())
    with pytest.raises(UserError, match="it is that of shard '000-000000'"):
        status(str(output))


def test_lost_generation_is_one_sentence(tmp_path: Path) -> None:
    output = finished_output(tmp_path)
    plan = output / "_job/plan"
    (plan / "generation-000.json").rename(plan / "generation-001.json")
    with pytest.raises(UserError, match=r"'_job/plan/generation-000.json' is missing: restore it"):
        status(str(output))
