from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from jobs.engine.ledger.commits import (
    forget_failure,
    quarantined,
    read_commits,
    read_failures,
    write_failure,
)
from jobs.engine.records import RecordError
from jobs.engine.reports import ShardFailure
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage
from tests.jobs.engine.outputs import edit_record, finished_output


def test_record_holds_what_readers_rely_on(tmp_path: Path) -> None:
    output = finished_output(tmp_path, members=3)
    record = json.loads((output / "_job/commits/000-000000.json").read_text())
    part = record["parts"]["files"]
    assert record["rows"] == {"files": 3, "lines": 3}
    assert record["statuses"] == {"ok": 3}
    assert record["attempts"] == 1
    assert part["bytes"] == (output / part["path"]).stat().st_size
    assert len(part["sha256"]) == 64


def test_failures_are_read_back_until_forgotten(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    failure = ShardFailure("000-000003", "why", 4, 7, "ä.jpg", "Traceback ...")
    write_failure(storage, failure)
    assert list(read_failures(storage, quarantined(storage))) == [failure]
    forget_failure(storage, "000-000003")
    assert quarantined(storage) == set()


def test_rows_that_are_not_those_of_the_parts(tmp_path: Path) -> None:
    output = finished_output(tmp_path, members=3)
    edit_record(
        output / "_job/commits/000-000000.json", lambda record: record["rows"].update(files=4)
    )
    with pytest.raises(RecordError, match="its 'rows' are not those of its parts"):
        list(read_commits(Storage(str(output)), ["000-000000"]))


def test_record_that_comes_cut_off_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Storage(str(finished_output(tmp_path, members=3)))
    expected = list(read_commits(storage, ["000-000000"]))
    read = Storage.read_many

    def cut_off(storage: Storage, paths: Iterable[str]) -> Iterator[bytes]:
        return (data[:-9] for data in read(storage, paths))

    monkeypatch.setattr(Storage, "read_many", cut_off)
    assert list(read_commits(storage, ["000-000000"])) == expected


def test_record_that_is_gone_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="was removed while they were read: run the command again"):
        list(read_commits(Storage(str(tmp_path)), ["000-000000"]))


def test_failure_of_another_shard(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    write_failure(storage, ShardFailure("000-000003", "why", 4, 7, "a.jpg", ""))
    (tmp_path / "_job/quarantine/000-000003.json").rename(
        tmp_path / "_job/quarantine/000-000004.json"
    )
    with pytest.raises(RecordError, match="it is that of shard '000-000003'"):
        list(read_failures(storage, ["000-000004"]))
