from __future__ import annotations

import logging
import uuid
from pathlib import Path

import pyarrow as pa
import pytest

from jobs.engine.ledger.checkpoints import (
    CHECKPOINTS,
    SCHEMA,
    delete_checkpoints,
    is_checkpoint,
    read_checkpoints,
    row_of,
    write_checkpoint,
)
from jobs.engine.shards import shard_name
from jobs.storage.storage import Storage
from tests.jobs.engine.ledger.reports import report


@pytest.fixture(params=["local", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    local = request.param == "local"
    return Storage(str(tmp_path / "out") if local else f"memory://{uuid.uuid4().hex}")


def rows(*indices: int, position: int = 0) -> pa.Table:
    found = [row_of(report(shard_name(0, index)), position) for index in indices]
    return pa.Table.from_pylist(found, SCHEMA)


@pytest.fixture
def three(storage: Storage) -> pa.Table:
    """What three checkpoints hold."""
    tables = [rows(0, 1), rows(2, position=4), rows(3)]
    for position, table in enumerate(tables, start=3):
        write_checkpoint(storage, table, position, epoch=2)
    return pa.concat_tables(tables)


def names(storage: Storage) -> list[str]:
    return storage.names(CHECKPOINTS)


def test_without_checkpoints_there_are_no_rows(storage: Storage) -> None:
    assert read_checkpoints(storage) == (SCHEMA.empty_table(), 0)


def test_rows_of_all_checkpoints_come_back(storage: Storage, three: pa.Table) -> None:
    assert read_checkpoints(storage) == (three, 5)


def test_names_are_those_of_checkpoints(storage: Storage, three: pa.Table) -> None:
    assert len(names(storage)) == 3
    assert all(map(is_checkpoint, names(storage)))
    assert not any(is_checkpoint(f"x{name}") for name in names(storage))


def test_same_rows_again_are_a_checkpoint_of_their_own(storage: Storage) -> None:
    for _ in range(2):
        write_checkpoint(storage, rows(0), 1, epoch=1)
    assert len(names(storage)) == 2


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("content", [b"", b"PAR1", None])
def test_damaged_checkpoint_makes_all_unusable(
    storage: Storage,
    three: pa.Table,
    number: int,
    content: bytes | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = f"{CHECKPOINTS}/{names(storage)[number]}"
    data = bytearray(storage.read_bytes(path))
    data[len(data) // 2] ^= 1
    storage.publish_bytes(bytes(data) if content is None else content, path)
    with caplog.at_level(logging.WARNING):
        assert read_checkpoints(storage) is None
    assert "the records are read instead" in caplog.text


@pytest.mark.parametrize("number", [0, 1])
def test_missing_checkpoint_makes_those_above_unusable(
    storage: Storage, three: pa.Table, number: int, caplog: pytest.LogCaptureFixture
) -> None:
    storage.delete(f"{CHECKPOINTS}/{names(storage)[number]}")
    with caplog.at_level(logging.WARNING):
        assert read_checkpoints(storage) is None
    assert "A checkpoint is missing" in caplog.text


def test_without_the_last_checkpoint_less_is_covered(storage: Storage, three: pa.Table) -> None:
    storage.delete(f"{CHECKPOINTS}/{names(storage)[-1]}")
    assert read_checkpoints(storage) == (three.slice(0, 3), 4)


def test_other_files_are_left_alone(storage: Storage, three: pa.Table) -> None:
    storage.publish_bytes(b"", f"{CHECKPOINTS}/notes.txt")
    assert read_checkpoints(storage) == (three, 5)
    delete_checkpoints(storage)
    assert names(storage) == ["notes.txt"]


def test_checkpoint_of_a_version_that_revised_nothing_is_read(
    storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    write_checkpoint(storage, rows(0, 1).drop_columns("revision"), 3, epoch=2)
    assert read_checkpoints(storage) == (rows(0, 1), 3)
    assert caplog.text == ""
