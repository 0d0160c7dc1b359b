from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from jobs.engine.blame.attempt import Attempt
from jobs.engine.blame.traces import read_trace
from jobs.engine.blame.watchdog import State
from jobs.engine.shards import ShardSpec, Trace
from jobs.members import Member
from jobs.storage.storage import Storage
from tests.jobs.engine.blame.told import Listener

SPEC = ShardSpec("000-000001", "plan.parquet", 1, 3, 100, run="r", attempt=2, careful=True)
MEMBERS = [Member(key, f"/{key}", 1, "v", None) for key in ("a.jpg", "b.jpg", "c.jpg")]


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path))


def attempt_at(spec: ShardSpec, storage: Storage, listener: Listener | None = None) -> Attempt:
    attempt = Attempt(spec, storage, listener)
    attempt.expect(MEMBERS)
    return attempt


def test_careful_attempt_leaves_on_storage_what_is_in_hand(storage: Storage) -> None:
    attempt_at(SPEC, storage).reading(1, "b.jpg")
    assert read_trace(storage, SPEC) == Trace(2, 1, "b.jpg")


def test_item_of_which_nothing_is_known_before_it_is_read_is_not_blamed(storage: Storage) -> None:
    attempt = attempt_at(SPEC, storage)
    attempt.begin(0, "a.jpg")
    attempt.reading(1, None)
    assert read_trace(storage, SPEC) == Trace(2, None, None)


def test_attempt_without_care_leaves_nothing(storage: Storage) -> None:
    spec = replace(SPEC, careful=False)
    attempt_at(spec, storage).begin(1, "b.jpg")
    assert read_trace(storage, spec) is None


@pytest.mark.parametrize("suspect", [0, 1])
def test_suspect_that_was_tried_alone_is_cleared_in_later_traces(
    storage: Storage, suspect: int
) -> None:
    spec = replace(SPEC, suspect=suspect)
    attempt = attempt_at(spec, storage)
    attempt.reading(suspect, MEMBERS[suspect].key)
    attempt.begin(suspect, MEMBERS[suspect].key)
    assert read_trace(storage, spec) == Trace(2, suspect, MEMBERS[suspect].key, cleared=False)
    attempt.clear_suspect()
    attempt.reading(suspect, MEMBERS[suspect].key)
    assert read_trace(storage, spec) == Trace(2, suspect, MEMBERS[suspect].key, cleared=True)


def test_suspect_in_a_container_is_not_tried_alone(storage: Storage) -> None:
    attempt = Attempt(replace(SPEC, suspect=1), storage, None)
    attempt.expect([Member("x.tar", "/x.tar", 1, "v", None, items=None)])
    assert attempt.suspect is None


def test_keys_are_known_where_no_member_is_a_container(storage: Storage) -> None:
    attempt = attempt_at(SPEC, storage)
    assert (attempt.has_containers, attempt.keys) == (False, ["a.jpg", "b.jpg", "c.jpg"])
    attempt.expect([*MEMBERS, Member("x.tar", "/x.tar", 1, "v", None, items=None)])
    assert (attempt.has_containers, attempt.keys) == (True, [])


def test_watchdog_is_told_whom_to_blame(storage: Storage) -> None:
    listener = Listener()
    attempt_at(SPEC, storage, listener).begin(1, "b.jpg")
    assert listener.heard[-1] == State("item", "000-000001", "r", 2, 1, "b.jpg")


def test_watchdog_of_an_attempt_without_care_blames_nobody(storage: Storage) -> None:
    listener = Listener()
    attempt_at(replace(SPEC, careful=False), storage, listener).begin(1, "b.jpg")
    assert listener.heard == [State("item", "000-000001", "r", 2)]


def test_time_for_traces_is_no_items(storage: Storage) -> None:
    listener = Listener()
    attempt_at(SPEC, storage, listener).begin(1, "b.jpg")
    assert [state.phase for state in listener.heard] == ["neither", "item"]


def test_thread_that_goes_on_after_the_end_is_not_heard(storage: Storage) -> None:
    listener = Listener()
    attempt = attempt_at(replace(SPEC, careful=False), storage, listener)
    attempt.close()
    attempt.begin(1, "b.jpg")
    assert listener.heard == [State()]
