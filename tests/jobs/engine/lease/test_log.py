from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.engine.lease.log import LOG, Log, LogEntry, entry_number, entry_path
from jobs.engine.reports import Merged, PartReport, ShardReport
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage

MERGED = Merged("files", "files/part-000-000000.3.parquet", 9, "ab", {"000-000000": (2, 5)})
REPORT = ShardReport(
    shard="000-000000",
    primary="files",
    members=2,
    bytes=7,
    statuses={"ok": 2},
    failed=0,
    parts={"files": PartReport("files/a.parquet", 2, 9, "ab", 0, None, "files/b.parquet")},
    attempts=1,
    verdicts={"ä": "crashed"},
    packages={"pyarrow": "0"},
    started="2000-01-01T00:00:00+00:00",
    seconds=0.5,
    host="here",
    worker_bytes=3,
    retried=1,
)


@pytest.fixture(params=["local", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    local = request.param == "local"
    return Storage(str(tmp_path / "out") if local else f"memory://{uuid.uuid4().hex}")


@pytest.fixture
def log(storage: Storage) -> Log:
    """Three entries."""
    log = Log(storage)
    for number, kind in enumerate(("begin", "change", "end"), start=1):
        assert log.create(LogEntry(number, kind, 1, "a driver"))  # type: ignore[arg-type]
    return log


def test_log_without_entries_is_empty(storage: Storage) -> None:
    assert (Log(storage).last(), list(Log(storage).after(0))) == (0, [])


def test_entry_is_read_as_it_was_created(storage: Storage) -> None:
    entry = LogEntry(1, "change", 1, "me", retried=[REPORT], merged=[MERGED], summary={"a": [1]})
    assert Log(storage).create(entry)
    found = Log(storage).read(1)
    assert replace(found, merged=[]) == replace(entry, merged=[])
    assert [list(each.parts()) for each in found.merged] == [list(MERGED.parts())]


def test_entries_come_in_order_from_any_place(log: Log) -> None:
    assert log.last() == 3
    assert [[each.number for each in log.after(place)] for place in (0, 2, 3)] == [
        [1, 2, 3],
        [3],
        [],
    ]


def test_number_that_is_taken_is_refused(log: Log) -> None:
    before = log.read(3)
    assert not log.create(LogEntry(3, "end", 1, "a driver"))
    assert log.read(3) == before


def test_entry_that_was_stored_though_storage_did_not_say_so_is_there(storage: Storage) -> None:
    entry = LogEntry(1, "begin", 1, "a driver")
    assert Log(storage).create(entry)
    assert Log(storage).create(entry)


def test_same_entry_of_two_drivers_is_that_of_one(storage: Storage) -> None:
    one, other = (LogEntry(1, "begin", 1, "a driver", time="now") for _ in range(2))
    assert [Log(storage).create(one), Log(storage).create(other)] == [True, False]


@pytest.mark.parametrize("number", [1, 2])
def test_missing_entry_is_named(storage: Storage, log: Log, number: int) -> None:
    storage.delete(entry_path(number))
    with pytest.raises(UserError, match=f"'_job/log/0000000{number}.json' is missing: restore it"):
        log.last()


def test_entry_that_was_removed_meanwhile_is_named(log: Log) -> None:
    with pytest.raises(UserError, match=r"'_job/log/00000004.json' is missing: restore it"):
        log.read(4)


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"[]"])
def test_damaged_entry_is_named(storage: Storage, log: Log, content: bytes) -> None:
    storage.publish_bytes(content, entry_path(2))
    with pytest.raises(UserError, match=r"^'_job/log/00000002.json' is damaged \(.*\): restore it"):
        list(log.after(0))


def test_entry_in_the_place_of_another_is_damaged(storage: Storage, log: Log) -> None:
    storage.publish_bytes(storage.read_bytes(entry_path(3)), entry_path(2))
    with pytest.raises(UserError, match=r"'_job/log/00000002.json' is damaged \(it is entry 3\)"):
        log.read(2)


def test_entry_that_comes_cut_off_is_read_again(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = list(log.after(0))
    read = Storage.read_many

    def cut_off(storage: Storage, paths: Iterable[str]) -> Iterator[bytes]:
        return (data[:-9] for data in read(storage, paths))

    monkeypatch.setattr(Storage, "read_many", cut_off)
    assert list(log.after(0)) == expected


def test_listing_is_confirmed(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Storage, "names", lambda storage, folder: [])
    assert log.last() == 3


def test_other_files_are_no_entries(storage: Storage, log: Log) -> None:
    for name in ("x00000004.json", "00000004.txt", "4.json", "00000000.json"):
        storage.publish_bytes(b"", f"{LOG}/{name}")
    assert log.last() == 3


@pytest.mark.parametrize("number", [1, 99_999_999, 100_000_000])
def test_number_of_an_entry_is_in_its_name(number: int) -> None:
    assert entry_number(entry_path(number).rpartition("/")[2]) == number
