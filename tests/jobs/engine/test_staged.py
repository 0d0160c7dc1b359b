"""Files that a driver leaves for its workers, from their writing to their end."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.engine.driver.verify import verify
from jobs.engine.settled import SETTLED, Settled, read_settled, write_settled
from jobs.engine.staged import (
    INDEX,
    StagedIndex,
    is_whole,
    open_staged,
    read_index,
    stage,
    staged_names,
    write_index,
)
from jobs.storage.storage import Storage
from tests.jobs.engine.outputs import finished_output

ROWS = pa.table({"key": ["a", "b"]})


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "out"))


def test_rows_come_back(storage: Storage) -> None:
    file = stage(storage, "member", ROWS)
    with open_staged(storage, file.sha256) as stream:
        assert pq.read_table(stream).equals(ROWS)
    assert (file.key, file.rows) == ("member", 2)


def test_equal_rows_are_one_file_and_where_nothing_is_written_it_is_called_the_same(
    storage: Storage,
) -> None:
    first = stage(storage, "a", ROWS.replace_schema_metadata({"of": "another run"}))
    assert stage(storage, "a", ROWS) == stage(None, "a", ROWS) == first
    assert len(staged_names(storage)) == 1


def test_what_is_missing_is_told(storage: Storage) -> None:
    index = StagedIndex("state", [stage(storage, "a", ROWS)])
    write_index(storage, index)
    assert read_index(storage) == index
    assert is_whole(storage, index)
    storage.delete(*staged_names(storage))
    assert not is_whole(storage, index)


def test_a_damaged_record_is_none_for_a_run_and_told_by_verify(tmp_path: Path) -> None:
    output = finished_output(tmp_path)
    storage = Storage(str(output))
    write_index(storage, StagedIndex("state", []))
    text = (output / INDEX).read_text(encoding="utf-8")
    (output / INDEX).write_text(text.replace("state", "stale", 1), encoding="utf-8")
    assert read_index(storage) is None
    assert any(INDEX in problem and "damaged" in problem for problem in verify(str(output)))


def test_verify_tells_of_what_was_left_and_of_strangers(tmp_path: Path) -> None:
    output = finished_output(tmp_path)
    storage = Storage(str(output))
    write_index(storage, StagedIndex("state", [stage(storage, "a", ROWS)]))
    before = verify(str(output))
    (output / "_SUCCESS").touch()
    (output / "_job/staged/notes.txt").touch()
    new = [problem for problem in verify(str(output)) if problem not in before]
    assert any("was left by a run that was killed" in problem for problem in new)
    assert any("notes.txt was staged by no run" in problem for problem in new)
    assert not any("staged" in problem for problem in before)


def test_what_was_settled_is_kept_and_verify_tells_of_its_damage(tmp_path: Path) -> None:
    output = finished_output(tmp_path)
    storage = Storage(str(output))
    assert read_settled(storage) is None
    settled = Settled("digest", {"margin": 0.5})
    write_settled(storage, settled)
    assert read_settled(storage) == settled
    assert not any("settled" in problem for problem in verify(str(output)))
    text = (output / SETTLED).read_text(encoding="utf-8")
    (output / SETTLED).write_text(text.replace("0.5", "0.6"), encoding="utf-8")
    assert any(SETTLED in problem and "damaged" in problem for problem in verify(str(output)))
