from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jobs.engine.blame.traces import ATTEMPTS
from jobs.engine.lease.claims import CLAIMS
from jobs.engine.lease.lease import Lease
from jobs.engine.lease.log import Log, LogEntry
from jobs.engine.ledger import ledger as ledger_module
from jobs.engine.ledger.checkpoints import CHECKPOINTS, read_checkpoints
from jobs.engine.ledger.commits import create_commit
from jobs.engine.ledger.ending import SUCCESS, is_at_rest, is_finished, stored_summary
from jobs.engine.ledger.heads import Heads
from jobs.engine.ledger.ledger import Ledger
from jobs.engine.reports import Merged, ShardReport
from jobs.messages.errors import LeaseLostError, UserError
from jobs.storage.storage import Storage
from tests.jobs.engine.ledger.reports import part, report

OUTPUTS = ("files", "lines")
SHARDS = ("000-000000", "000-000001", "000-000002")
MERGED = Merged("lines", "lines/part-000-000000.9.parquet", 9, "ab", dict.fromkeys(SHARDS, (4, 20)))


@dataclass(frozen=True)
class Told:
    """What a driver says at its end."""

    success: bool = True

    def as_record(self) -> dict[str, Any]:
        return {"status": {"success": self.success}}


def told(heads: Heads) -> Told:
    return Told()


@pytest.fixture(params=["local", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Three committed shards; nobody has logged anything."""
    local = request.param == "local"
    storage = Storage(str(tmp_path / "out") if local else f"memory://{uuid.uuid4().hex}")
    for shard in SHARDS:
        commit(storage, shard)
    return storage


def commit(storage: Storage, shard: str) -> ShardReport:
    """Commits a shard as a worker does."""
    committed = report(shard)
    publish(storage, committed)
    assert create_commit(storage, committed)
    return committed


def publish(storage: Storage, report: ShardReport) -> None:
    for each in report.parts.values():
        storage.publish_bytes(each.path.encode(), each.path)


def retried(storage: Storage, shard: str, epoch: int) -> ShardReport:
    """Parts of a shard of which items were processed again."""
    parts = {name: part(f"{name}/part-{shard}.{epoch}.parquet") for name in OUTPUTS}
    found = report(shard, parts=parts, statuses={"ok": 1, "crashed": 1})
    publish(storage, found)
    return found


@pytest.fixture
def ledger(storage: Storage) -> Iterator[Ledger]:
    """Of a driver that has not begun."""
    with Lease(storage, lock=False) as lease:
        yield Ledger(storage, lease, OUTPUTS)


def drive(storage: Storage, *, ends: bool) -> None:
    """Another driver, which begins and ends or is stopped."""
    with Lease(storage, lock=False) as lease:
        other = Ledger(storage, lease, OUTPUTS)
        other.begin()
        if ends:
            other.end(told)


def lose(storage: Storage) -> None:
    """Does as a driver that takes this one for dead."""
    log = Log(storage)
    number = log.last() + 1
    assert log.create(LogEntry(number, "begin", number, "another"))


def kinds(storage: Storage) -> list[str]:
    return [entry.kind for entry in Log(storage).after(0)]


def parts(storage: Storage) -> set[str]:
    return {f"{output}/{name}" for output in OUTPUTS for name in storage.names(output)}


def heads_parts(storage: Storage) -> set[str]:
    return {part.path for head in Heads.read(storage).all() for part in head.parts.values()}


# Begin.


def test_nothing_is_touched_before_it_begins(storage: Storage, ledger: Ledger) -> None:
    assert (ledger.epoch, kinds(storage), storage.names(CLAIMS)) == (0, [], [])
    assert len(ledger.heads) == 3


def test_begin_is_logged_once(storage: Storage, ledger: Ledger) -> None:
    ledger.begin()
    ledger.begin()
    ledger.begin_late()
    assert (ledger.epoch, kinds(storage), ledger.is_held) == (1, ["begin"], True)


def test_begin_takes_the_mark_away(storage: Storage, ledger: Ledger) -> None:
    storage.publish_bytes(b"", SUCCESS)
    ledger.begin()
    assert not storage.exists(SUCCESS)


def test_begin_finds_what_was_committed_meanwhile(storage: Storage, ledger: Ledger) -> None:
    commit(storage, "000-000003")
    ledger.begin()
    assert len(ledger.heads) == 4


def test_begin_may_be_late_if_nobody_has_written_since(storage: Storage) -> None:
    drive(storage, ends=True)
    with Lease(storage, lock=False) as lease:
        late = Ledger(storage, lease, OUTPUTS)
        late.begin_late()
        assert late.epoch == 3


def test_begin_is_refused_late_if_another_driver_has_written_since(
    storage: Storage, ledger: Ledger
) -> None:
    drive(storage, ends=True)
    with pytest.raises(UserError, match=r"another run has written to .*: run the same command aga"):
        ledger.begin_late()


# What is removed.


def litter(storage: Storage) -> set[str]:
    """Parts of shards that are committed, which count for none."""
    paths = {
        "files/part-000-000000~2.parquet",
        "lines/part-000-000001.7.parquet",
        "lines/part-000-000002.7~3.parquet",
    }
    for path in paths:
        storage.publish_bytes(b"", path)
    return paths


def test_what_a_driver_has_left_that_was_stopped_is_removed_at_the_next_begin(
    storage: Storage, ledger: Ledger
) -> None:
    drive(storage, ends=False)
    litter(storage)
    ledger.begin()
    assert parts(storage) == heads_parts(storage)


def test_after_an_orderly_end_nothing_is_listed_to_be_removed(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive(storage, ends=True)
    listed: list[str] = []
    names = Storage.names

    def noted(storage: Storage, folder: str) -> list[str]:
        listed.append(folder)
        return names(storage, folder)

    with Lease(storage, lock=False) as lease:
        ledger = Ledger(storage, lease, OUTPUTS)
        monkeypatch.setattr(Storage, "names", noted)
        ledger.begin()
    assert not {*listed} & {*OUTPUTS}  # which may hold millions of names


def test_parts_that_count_for_none_are_removed_at_the_end(storage: Storage, ledger: Ledger) -> None:
    ledger.begin()
    litter(storage)
    ledger.end(told)
    assert parts(storage) == heads_parts(storage)


def test_parts_of_shards_that_are_not_committed_stay(storage: Storage, ledger: Ledger) -> None:
    path = "files/part-000-000007.parquet"
    ledger.begin()
    storage.publish_bytes(b"", path)
    ledger.end(told)
    assert storage.exists(path)


def test_what_is_no_part_stays(storage: Storage, ledger: Ledger) -> None:
    path = "files/part-000-000000.parquet.md"
    ledger.begin()
    storage.publish_bytes(b"", path)
    ledger.end(told)
    assert storage.exists(path)


def test_nothing_is_removed_by_a_driver_that_was_taken_for_dead(
    storage: Storage, ledger: Ledger
) -> None:
    ledger.begin()
    left = litter(storage)
    (name,) = storage.names(CLAIMS)
    ledger._lease._gone = True
    with pytest.raises(LeaseLostError):
        ledger.end(told)
    assert left <= parts(storage)
    assert storage.names(CLAIMS) == [name]


def test_traces_and_what_was_half_written_are_swept(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    left = [f"{folder}/.a.0.tmp" for folder in ("files", "_job", "_job/commits", "_job/log")]
    left += [".a.0.tmp", f"{ATTEMPTS}/000-000000-1.json"]
    kept = ["files/.hidden", "files/part-000-000007.parquet", "notes/.a.0.tmp"]
    for path in (*left, *kept):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"")
    with Lease(storage) as lease:
        Ledger(storage, lease, OUTPUTS).begin()
    assert [path for path in left if (tmp_path / path).exists()] == []
    assert [path for path in kept if (tmp_path / path).exists()] == kept


# Changes.


def test_new_parts_take_the_place_of_the_old_ones_and_these_go(
    storage: Storage, ledger: Ledger
) -> None:
    ledger.begin()
    ledger.replace(retried=[retried(storage, SHARDS[1], 1)])
    assert kinds(storage) == ["begin", "change"]
    assert parts(storage) == heads_parts(storage)
    assert f"files/part-{SHARDS[1]}.1.parquet" in parts(storage)
    assert list(ledger.heads.all()) == list(Heads.read(storage).all())


def test_old_parts_are_there_until_the_change_is_logged(
    storage: Storage, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = parts(storage)

    def look(log: Log, entry: LogEntry) -> bool:
        assert before <= parts(storage)
        raise KeyboardInterrupt

    ledger.begin()
    change = retried(storage, SHARDS[1], 1)
    with monkeypatch.context() as patch:
        patch.setattr(Log, "create", look)
        with pytest.raises(KeyboardInterrupt):
            ledger.replace(retried=[change])
    assert heads_parts(storage) == before


def test_merged_part_takes_the_place_of_several(storage: Storage, ledger: Ledger) -> None:
    ledger.begin()
    storage.publish_bytes(b"", MERGED.path)
    ledger.replace(merged=[MERGED])
    assert storage.names("lines") == ["part-000-000000.9.parquet"]
    assert len(storage.names("files")) == 3


def test_file_in_which_others_have_rows_stays(storage: Storage, ledger: Ledger) -> None:
    ledger.begin()
    storage.publish_bytes(b"", MERGED.path)
    ledger.replace(merged=[MERGED])
    ledger.replace(retried=[retried(storage, SHARDS[1], 1)])
    assert storage.exists(MERGED.path)
    ledger.replace(retried=[retried(storage, SHARDS[0], 1), retried(storage, SHARDS[2], 1)])
    assert not storage.exists(MERGED.path)


def test_change_of_a_driver_that_was_taken_for_dead_changes_nothing(
    storage: Storage, ledger: Ledger
) -> None:
    ledger.begin()
    before = parts(storage)
    lose(storage)
    with pytest.raises(LeaseLostError):
        ledger.replace(retried=[retried(storage, SHARDS[1], 1)])
    assert before <= parts(storage)
    assert heads_parts(storage) == before


# Checkpoints.


def test_checkpoint_is_written_whenever_so_many_shards_are_committed(
    storage: Storage, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "_CHECKPOINT_SHARDS", 3)
    ledger.begin()
    written = []
    for index in range(3, 13):
        ledger.committed(commit(storage, f"000-{index:06d}"))
        written.append(len(storage.names(CHECKPOINTS)))
    assert written == [0, 0, 1, 1, 1, 2, 2, 2, 3, 3]
    assert Heads.read(storage).fresh()["index"].to_pylist() == [12]
    stored = read_checkpoints(storage)
    assert stored is not None
    assert stored[0]["index"].to_pylist() == list(range(12))  # each once


def test_checkpoint_is_written_at_the_end_if_it_is_worth_it(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "_LEAST_SHARDS", 4)
    drive(storage, ends=True)
    assert storage.names(CHECKPOINTS) == []
    commit(storage, "000-000003")
    drive(storage, ends=True)
    assert len(storage.names(CHECKPOINTS)) == 1
    assert Heads.read(storage).fresh().num_rows == 0


def test_what_has_a_checkpoint_gets_no_other(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "_LEAST_SHARDS", 1)
    for _ in range(2):
        drive(storage, ends=True)
    assert len(storage.names(CHECKPOINTS)) == 1


def test_change_gets_into_the_next_checkpoint(
    storage: Storage, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "_LEAST_SHARDS", 1)
    drive(storage, ends=True)
    ledger.begin()
    ledger.replace(retried=[retried(storage, SHARDS[1], 3)])
    ledger.end(told)
    heads = Heads.read(storage)
    assert (heads.fresh().num_rows, heads.has_checkpoints) == (0, True)
    assert parts(storage) == heads_parts(storage)
    assert heads.with_status(["crashed"]) == {SHARDS[1]: 1}


def test_damaged_checkpoints_are_made_anew(
    storage: Storage, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "_LEAST_SHARDS", 1)
    drive(storage, ends=True)
    [name] = storage.names(CHECKPOINTS)
    storage.publish_bytes(b"PAR1", f"{CHECKPOINTS}/{name}")
    ledger.begin()
    assert storage.names(CHECKPOINTS) == []
    ledger.end(told)
    heads = Heads.read(storage)
    assert (heads.fresh().num_rows, heads.has_checkpoints) == (0, True)


# The end.


def test_end_is_logged_and_shown(storage: Storage, ledger: Ledger) -> None:
    ledger.begin()
    assert ledger.end(told) == Told()
    assert kinds(storage) == ["begin", "end"]
    assert Log(storage).read(2).summary == stored_summary(storage) == Told().as_record()
    assert storage.exists(SUCCESS)


def test_end_tells_of_all_that_is_committed(storage: Storage, ledger: Ledger) -> None:
    ledger.begin()
    ledger.committed(commit(storage, "000-000003"))
    ledger.replace(retried=[retried(storage, SHARDS[1], 1)])
    told_of: list[Heads] = []

    def summarise(heads: Heads) -> Told:
        told_of.append(heads)
        return Told()

    ledger.end(summarise)
    assert [list(heads.all()) for heads in told_of] == [list(Heads.read(storage).all())]


def test_end_that_was_logged_and_not_shown_is_left_to_the_next_driver(
    storage: Storage, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(storage: Storage, log: Log) -> None:
        raise KeyboardInterrupt

    ledger.begin()
    litter(storage)
    with monkeypatch.context() as patch:
        patch.setattr(ledger_module, "show_ending", killed)
        with pytest.raises(KeyboardInterrupt):
            ledger.end(told)
    ledger._lease._withdraw()
    assert not is_at_rest(storage)
    drive(storage, ends=True)
    assert is_finished(storage)
    assert parts(storage) == heads_parts(storage)


def test_job_that_is_not_complete_is_not_marked(storage: Storage, ledger: Ledger) -> None:
    ledger.begin()
    ledger.end(lambda heads: Told(success=False))
    assert not storage.exists(SUCCESS)


def test_end_of_a_driver_that_was_taken_for_dead_says_nothing(
    storage: Storage, ledger: Ledger
) -> None:
    ledger.begin()
    lose(storage)
    with pytest.raises(LeaseLostError):
        ledger.end(told)
    assert kinds(storage) == ["begin", "begin"]
    assert not storage.exists(SUCCESS)
    assert stored_summary(storage) == {}
