from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from jobs.engine.lease.claims import CLAIMS
from jobs.engine.lease.log import Log, LogEntry
from jobs.engine.ledger.ending import (
    SUCCESS,
    SUMMARY,
    is_at_rest,
    is_finished,
    show_ending,
    stored_summary,
)
from jobs.engine.plans.plan import Plan
from jobs.engine.records import RecordError
from jobs.engine.settings import ShardSizes
from jobs.members import Member
from jobs.storage.storage import Storage

DONE = {"status": {"success": True}, "a": 1}
NOT_DONE = {"status": {"success": False}, "a": 2}


@pytest.fixture(params=["local", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    local = request.param == "local"
    return Storage(str(tmp_path / "out") if local else f"memory://{uuid.uuid4().hex}")


def append(
    storage: Storage,
    kind: Literal["begin", "change", "end"],
    summary: Mapping[str, Any] | None = None,
) -> None:
    log = Log(storage)
    assert log.create(LogEntry(log.last() + 1, kind, 1, "a driver", summary=summary))


def show(storage: Storage) -> None:
    show_ending(storage, Log(storage))


def test_complete_job_is_marked(storage: Storage) -> None:
    append(storage, "end", DONE)
    show(storage)
    assert storage.exists(SUCCESS)
    assert stored_summary(storage) == DONE


def test_job_that_is_not_complete_has_a_summary_and_no_mark(storage: Storage) -> None:
    append(storage, "end", DONE)
    show(storage)
    append(storage, "end", NOT_DONE)
    show(storage)
    assert not storage.exists(SUCCESS)
    assert stored_summary(storage) == NOT_DONE


@pytest.mark.parametrize("kind", ["begin", "change", "end"])
def test_there_is_no_mark_as_long_as_it_is_not_said_how_the_job_stands(
    storage: Storage, kind: Literal["begin", "change", "end"]
) -> None:
    append(storage, "end", DONE)
    show(storage)
    append(storage, kind)
    show(storage)
    assert not storage.exists(SUCCESS)
    assert stored_summary(storage) == DONE  # of the last that said so


def test_there_is_no_mark_over_a_generation_that_the_end_does_not_know(storage: Storage) -> None:
    member = Member("a.jpg", "/a.jpg", 1, "v", None)
    Plan(storage).extend([member], ShardSizes())
    append(storage, "end", {"status": {"success": True, "generations": 1}})
    show(storage)
    assert storage.exists(SUCCESS)
    # By a driver that was stopped before it made its plan count, and went on after that end.
    Plan(storage).extend([replace(member, key="b.jpg")], ShardSizes())
    show(storage)
    assert not storage.exists(SUCCESS)


def test_output_without_a_log_has_neither(storage: Storage) -> None:
    show(storage)
    assert not storage.exists(SUCCESS)
    assert stored_summary(storage) == {}


def test_driver_that_writes_late_shows_what_has_come_since(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(storage, "end", DONE)
    publish = Storage.publish_bytes

    def slow(storage: Storage, data: bytes, path: str) -> None:
        if path == SUCCESS and Log(storage).last() == 1:
            append(storage, "begin")
            show(storage)
            assert not storage.exists(SUCCESS)
        publish(storage, data, path)

    monkeypatch.setattr(Storage, "publish_bytes", slow)
    show(storage)
    assert not storage.exists(SUCCESS)


def test_summary_is_json_for_everybody(storage: Storage) -> None:
    append(storage, "end", DONE)
    show(storage)
    assert json.loads(storage.read_bytes(SUMMARY))["status"] == {"success": True}


@pytest.mark.parametrize("content", [b"", b"{", b"[]"])
def test_damaged_summary_is_one_sentence(storage: Storage, content: bytes) -> None:
    storage.publish_bytes(content, SUMMARY)
    with pytest.raises(RecordError, match=f"'{SUMMARY}' is damaged .*: delete it and {SUCCESS}"):
        stored_summary(storage)


def test_output_that_nobody_has_had_is_at_rest(storage: Storage) -> None:
    assert is_at_rest(storage)


def test_output_that_somebody_has_is_not(storage: Storage) -> None:
    storage.publish_bytes(b"{}", f"{CLAIMS}/a.json")
    assert not is_at_rest(storage)


@pytest.mark.parametrize("folder", [CLAIMS, "_job"])
def test_output_with_leftovers_is_not(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir(parents=True)
    assert is_at_rest(Storage(str(tmp_path)))
    (tmp_path / folder / ".a.json.0.tmp").write_bytes(b"")
    assert not is_at_rest(Storage(str(tmp_path)))


@pytest.mark.parametrize(
    ("kind", "summary", "rests"),
    [
        ("end", DONE, True),
        ("end", NOT_DONE, True),
        ("end", None, False),
        ("change", None, False),
        ("begin", None, False),
    ],
)
def test_output_rests_after_an_end_that_tells_how_it_stands(
    storage: Storage, kind: Any, summary: Mapping[str, Any] | None, rests: bool
) -> None:
    append(storage, "begin")
    append(storage, kind, summary)
    show(storage)
    assert is_at_rest(storage) == rests


@pytest.mark.parametrize("summary", [DONE, NOT_DONE])
def test_output_whose_mark_says_something_else_does_not_rest(
    storage: Storage, summary: Mapping[str, Any]
) -> None:
    append(storage, "end", summary)
    show(storage)
    if storage.exists(SUCCESS):
        storage.delete(SUCCESS)
    else:
        storage.publish_bytes(b"", SUCCESS)
    assert not is_at_rest(storage)


def test_job_is_finished_if_it_is_marked_and_nobody_is_at_work(storage: Storage) -> None:
    append(storage, "end", DONE)
    show(storage)
    assert is_finished(storage)


def test_job_without_its_mark_is_not_finished(storage: Storage) -> None:
    append(storage, "end", DONE)
    show(storage)
    storage.delete(SUCCESS)
    assert not is_finished(storage)


def test_job_is_not_finished_while_a_driver_is_at_work(storage: Storage) -> None:
    append(storage, "end", DONE)
    show(storage)
    append(storage, "begin")
    assert storage.exists(SUCCESS) and not is_finished(storage)
