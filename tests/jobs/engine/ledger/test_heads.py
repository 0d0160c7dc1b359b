from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.engine.lease.log import Log, LogEntry, entry_path
from jobs.engine.ledger import heads as heads_module
from jobs.engine.ledger.checkpoints import CHECKPOINTS, write_checkpoint
from jobs.engine.ledger.commits import commit_path, create_commit
from jobs.engine.ledger.heads import Heads
from jobs.engine.plans.plan import Plan
from jobs.engine.reports import Merged, ShardReport
from jobs.engine.settings import ShardSizes
from jobs.members import Member
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage
from tests.jobs.engine.ledger.reports import part, report

SHARDS = ("000-000000", "000-000001", "000-000002", "001-000000")
MERGED = Merged(
    "lines",
    "lines/part-000-000000.2.parquet",
    33,
    "cd",
    {shard: (4, 20) for shard in SHARDS[:3]},
)


@pytest.fixture(params=["local", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Four committed shards of two generations, committed in another order."""
    local = request.param == "local"
    storage = Storage(str(tmp_path / "out") if local else f"memory://{uuid.uuid4().hex}")
    for shard in reversed(SHARDS):
        assert create_commit(storage, report(shard))
    return storage


def append(storage: Storage, **content: Any) -> None:
    log = Log(storage)
    assert log.create(LogEntry(log.last() + 1, "change", 1, "a driver", **content))


def retried(shard: str, **changes: Any) -> ShardReport:
    parts = {
        "files": part(f"files/part-{shard}.1.parquet"),
        "lines": part(f"lines/part-{shard}.1.parquet", 5, 25),
    }
    fields = {"statuses": {"ok": 1, "crashed": 1}, "failed": 1, "parts": parts, **changes}
    return report(shard, **fields)


def paths(heads: Heads, output: str) -> list[tuple[str, str]]:
    return [(shard, part.path) for shard, part in heads.parts(output)]


def test_output_without_commits_has_no_heads(tmp_path: Path) -> None:
    heads = Heads.read(Storage(str(tmp_path)))
    assert (len(heads), heads.outputs(), list(heads.all())) == (0, [], [])
    assert (heads.with_status(["ok"]), heads.stale(), heads.tally().rows) == ({}, {}, {})


def test_commits_are_heads_in_plan_order(storage: Storage) -> None:
    heads = Heads.read(storage)
    assert [head.shard for head in heads.all()] == list(SHARDS)
    assert paths(heads, "lines") == [(shard, f"lines/part-{shard}.parquet") for shard in SHARDS]


def test_head_says_what_its_commit_says(storage: Storage) -> None:
    storage.delete(commit_path(SHARDS[1]))
    expected = report(SHARDS[1], verdicts={"ä": "crashed"}, statuses={"ok": 1, "crashed": 1})
    create_commit(storage, expected)
    [head] = Heads.read(storage).of([SHARDS[1]])
    assert (head.shard, head.statuses) == (expected.shard, expected.statuses)
    assert (head.parts, head.verdicts) == (expected.parts, expected.verdicts)


def test_retried_shard_takes_the_place_of_its_commit(storage: Storage) -> None:
    append(storage, retried=[retried(SHARDS[1])])
    heads = Heads.read(storage)
    [head] = heads.of([SHARDS[1]])
    assert head.parts == retried(SHARDS[1]).parts
    assert head.statuses == {"ok": 1, "crashed": 1}
    assert [path for _, path in paths(heads, "files")] == [
        "files/part-000-000000.parquet",
        "files/part-000-000001.1.parquet",
        "files/part-000-000002.parquet",
        "files/part-001-000000.parquet",
    ]


def test_merged_parts_take_the_place_of_those_of_one_output(storage: Storage) -> None:
    append(storage, merged=[MERGED])
    heads = Heads.read(storage)
    shared = dict(MERGED.parts())
    for head in heads.of(SHARDS[:3]):
        assert head.parts["lines"] == shared[head.shard]
        assert head.parts["files"] == part(f"files/part-{head.shard}.parquet")
    assert paths(heads, "lines")[3] == (SHARDS[3], f"lines/part-{SHARDS[3]}.parquet")


def test_last_entry_counts(storage: Storage) -> None:
    append(storage, retried=[retried(SHARDS[1])])
    append(storage, retried=[retried(SHARDS[1], statuses={"ok": 2}, failed=0)])
    [head] = Heads.read(storage).of([SHARDS[1]])
    assert head.statuses == {"ok": 2}


def test_merged_after_retried(storage: Storage) -> None:
    append(storage, retried=[retried(SHARDS[1])])
    append(storage, merged=[MERGED])
    [head] = Heads.read(storage).of([SHARDS[1]])
    assert head.statuses == {"ok": 1, "crashed": 1}
    assert head.parts["lines"].path == MERGED.path


def test_retried_after_merged(storage: Storage) -> None:
    append(storage, merged=[MERGED])
    append(storage, retried=[retried(SHARDS[1])])
    [head] = Heads.read(storage).of([SHARDS[1]])
    assert head.parts == retried(SHARDS[1]).parts


def test_within_an_entry_merged_comes_after_retried(storage: Storage) -> None:
    append(storage, retried=[retried(SHARDS[1])], merged=[MERGED])
    [head] = Heads.read(storage).of([SHARDS[1]])
    assert head.parts["lines"].path == MERGED.path
    assert head.parts["files"].path == "files/part-000-000001.1.parquet"


def test_log_does_not_make_shards_exist_that_have_no_commit(storage: Storage) -> None:
    append(storage, retried=[retried(SHARDS[1])], merged=[MERGED])
    storage.delete(commit_path(SHARDS[1]))
    heads = Heads.read(storage)
    assert [head.shard for head in heads.all()] == [SHARDS[0], SHARDS[2], SHARDS[3]]
    assert not heads.has(SHARDS[1]) and heads.has(SHARDS[2])


def test_entries_that_are_applied_are_those_that_are_read(storage: Storage) -> None:
    heads = Heads.read(storage)
    append(storage, retried=[retried(SHARDS[1])], merged=[MERGED])
    heads.apply(Log(storage).read(1))
    assert list(heads.all()) == list(Heads.read(storage).all())
    assert heads.position == 1


def test_heads_are_found_in_the_plan(storage: Storage) -> None:
    for keys in ("abcd", "abcdef"):
        members = (Member(key, f"/{key}", 1, "v", None) for key in keys)
        Plan(storage).extend(members, ShardSizes(first=1, max_members=1))
    storage.delete(commit_path(SHARDS[1]))
    found = Heads.read(storage).which(Plan(storage))
    assert np.flatnonzero(found).tolist() == [0, 2, 4]  # of 4 and 2 shards


def test_tally_adds_up_what_all_say(storage: Storage) -> None:
    append(storage, retried=[retried(SHARDS[1])], merged=[MERGED])
    tally = Heads.read(storage).tally()
    assert (tally.members, tally.failed) == (8, 1)
    assert list(tally.statuses.items()) == [("ok", 7), ("crashed", 1)]
    assert tally.rows == {"files": 8, "lines": 16}


def test_file_that_shards_share_is_counted_once(storage: Storage) -> None:
    append(storage, merged=[MERGED])
    tally = Heads.read(storage).tally()
    assert tally.files == {"files": 4, "lines": 2}
    assert tally.bytes == {"files": 40, "lines": 33 + 20}


def test_shards_with_some_statuses_are_found_in_plan_order(storage: Storage) -> None:
    odd = {"ok": 1, "crashed": 2, "timeout": 3}
    append(storage, retried=[retried(shard, statuses=odd) for shard in (SHARDS[3], SHARDS[0])])
    append(storage, retried=[retried(SHARDS[2], statuses={"ok": 1, "crashed": 0})])
    heads = Heads.read(storage)
    assert list(heads.with_status(["timeout", "crashed"]).items()) == [
        (SHARDS[0], 5),
        (SHARDS[3], 5),
    ]
    assert heads.with_status(["crashed"]) == {SHARDS[0]: 2, SHARDS[3]: 2}
    assert heads.with_status([]) == heads.with_status(["odd"]) == {}


def stale_in(shard: str, path: str) -> ShardReport:
    found = retried(shard)
    parts = {**found.parts, "lines": replace(found.parts["lines"], stale_in=path)}
    return replace(found, parts=parts)


def test_nothing_is_stale_without_a_retry_of_shared_parts(storage: Storage) -> None:
    append(storage, retried=[retried(SHARDS[0])])
    append(storage, merged=[MERGED])
    assert Heads.read(storage).stale() == {}


def test_stale_file_concerns_all_that_have_rows_there_or_had(storage: Storage) -> None:
    append(storage, merged=[MERGED])
    append(storage, retried=[stale_in(SHARDS[1], MERGED.path)])
    heads = Heads.read(storage)
    [(file, shards)] = heads.stale().items()
    assert file == ("lines", MERGED.path)
    assert list(shards) == list(SHARDS[:3])
    assert shards == {shard: part for shard, part in heads.parts("lines") if shard in SHARDS[:3]}


def test_stale_file_whose_shards_all_have_parts_of_their_own(storage: Storage) -> None:
    append(storage, merged=[MERGED])
    append(storage, retried=[stale_in(shard, MERGED.path) for shard in SHARDS[:3]])
    [shards] = Heads.read(storage).stale().values()
    assert list(shards) == list(SHARDS[:3])


def test_several_stale_files_are_told_apart(storage: Storage) -> None:
    pairs = [
        replace(MERGED, path=f"lines/part-{pair[0]}.2.parquet", shards=dict.fromkeys(pair, (4, 20)))
        for pair in (SHARDS[:2], SHARDS[2:])
    ]
    append(storage, merged=pairs)
    append(storage, retried=[stale_in(each, pairs[n].path) for n, each in enumerate(SHARDS[1:3])])
    assert {file[1]: list(shards) for file, shards in Heads.read(storage).stale().items()} == {
        pairs[0].path: list(SHARDS[:2]),
        pairs[1].path: list(SHARDS[2:]),
    }


def test_file_is_not_stale_any_more_when_it_was_merged_anew(storage: Storage) -> None:
    append(storage, merged=[MERGED])
    append(storage, retried=[stale_in(SHARDS[1], MERGED.path)])
    append(storage, merged=[replace(MERGED, path="lines/part-000-000000.4.parquet")])
    assert Heads.read(storage).stale() == {}


def test_damaged_record_is_an_error(storage: Storage) -> None:
    storage.publish_bytes(b"{}", commit_path(SHARDS[2]))
    with pytest.raises(UserError, match=f"'{commit_path(SHARDS[2])}' is damaged"):
        Heads.read(storage)


# With checkpoints.


@pytest.fixture
def changed(storage: Storage) -> Storage:
    """A checkpoint after each of two changes, and a third change and a commit that none has."""
    append(storage, retried=[retried(SHARDS[1])])
    store(storage)
    append(storage, merged=[MERGED])
    store(storage)
    append(storage, retried=[retried(SHARDS[2])])
    create_commit(storage, report("001-000001"))
    return storage


def store(storage: Storage) -> None:
    heads = Heads.read(storage)
    write_checkpoint(storage, heads.fresh(), heads.position, epoch=1)


def without_checkpoints(storage: Storage) -> list[object]:
    saved = {name: storage.read_bytes(f"{CHECKPOINTS}/{name}") for name in names(storage)}
    storage.delete(*(f"{CHECKPOINTS}/{name}" for name in saved))
    found = list(Heads.read(storage).all())
    for name, data in saved.items():
        storage.publish_bytes(data, f"{CHECKPOINTS}/{name}")
    return list(found)


def names(storage: Storage) -> list[str]:
    return storage.names(CHECKPOINTS)


@pytest.fixture
def was_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Shards whose commit records were read."""
    found: list[str] = []
    read = heads_module.read_commits

    def noted(storage: Storage, shards: Iterable[str]) -> Iterator[ShardReport]:
        found.extend(shards := list(shards))
        return read(storage, shards)

    monkeypatch.setattr(heads_module, "read_commits", noted)
    return found


def test_checkpoints_tell_the_same_as_the_records(changed: Storage) -> None:
    heads = Heads.read(changed)
    assert list(heads.all()) == without_checkpoints(changed)
    assert heads.has_checkpoints


def test_what_a_checkpoint_tells_is_not_read_again(changed: Storage, was_read: list[str]) -> None:
    changed.publish_bytes(b"", entry_path(1))
    changed.publish_bytes(b"", entry_path(2))
    Heads.read(changed)
    assert was_read == ["001-000001"]


def test_what_no_checkpoint_tells_is_fresh(changed: Storage) -> None:
    table = Heads.read(changed).fresh()
    assert table["generation"].to_pylist() == [0, 1]
    assert table["index"].to_pylist() == [2, 1]
    assert table["position"].to_pylist() == [3, 0]


def test_what_was_stored_is_not_fresh_any_more(changed: Storage) -> None:
    heads = Heads.read(changed)
    heads.mark_stored()
    assert heads.fresh().num_rows == 0


def test_shard_whose_commit_is_gone_is_no_head_whatever_a_checkpoint_says(
    changed: Storage,
) -> None:
    changed.delete(commit_path(SHARDS[0]))
    assert [head.shard for head in Heads.read(changed).all()] == [*SHARDS[1:], "001-000001"]


@pytest.mark.parametrize("number", [0, 1])
def test_damaged_checkpoint_is_ignored_and_the_records_are_read(
    changed: Storage, was_read: list[str], number: int
) -> None:
    expected = without_checkpoints(changed)
    was_read.clear()
    changed.publish_bytes(b"PAR1", f"{CHECKPOINTS}/{names(changed)[number]}")
    heads = Heads.read(changed)
    assert list(heads.all()) == expected
    assert not heads.has_checkpoints
    assert was_read == [*SHARDS, "001-000001"]


def test_missing_checkpoint_is_made_up_for_by_the_records(
    changed: Storage, was_read: list[str]
) -> None:
    expected = without_checkpoints(changed)
    was_read.clear()
    changed.delete(f"{CHECKPOINTS}/{names(changed)[0]}")
    heads = Heads.read(changed)
    assert list(heads.all()) == expected
    assert not heads.has_checkpoints
    assert was_read == [*SHARDS, "001-000001"]


def test_checkpoint_that_knows_more_than_the_log_is_ignored(changed: Storage) -> None:
    changed.delete(entry_path(2), entry_path(3))
    heads = Heads.read(changed)
    assert list(heads.all()) == without_checkpoints(changed)
    assert not heads.has_checkpoints
    assert heads.position == 1


def test_rows_are_made_anew_by_a_retry_and_not_by_a_merge(storage: Storage) -> None:
    append(storage, merged=[MERGED])
    append(storage, retried=[retried(SHARDS[1])])
    append(storage, merged=[MERGED])
    made = {head.shard: head.made for head in Heads.read(storage).all()}
    assert made == {SHARDS[0]: 0, SHARDS[1]: 2, SHARDS[2]: 0, SHARDS[3]: 0}


def test_checkpoint_without_the_making_of_rows_is_read(storage: Storage) -> None:
    heads = Heads.read(storage)
    write_checkpoint(storage, heads.fresh().drop_columns(["made"]), 0, 1)
    found = Heads.read(storage)
    assert found.has_checkpoints
    assert [head.made for head in found.all()] == [0, 0, 0, 0]
