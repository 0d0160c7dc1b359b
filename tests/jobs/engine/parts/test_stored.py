from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.engine.ledger.commits import read_commits
from jobs.engine.parts.stored import DamagedPartError, StoredRows, open_checked
from jobs.storage.storage import Storage
from tests.jobs.engine.outputs import finished_output

SCHEMA = pa.schema([pa.field("number", pa.int64())])


def stored(groups: list[int]) -> StoredRows:
    """The numbers from 0 in row groups of some sizes."""
    sink = pa.BufferOutputStream()
    first = 0
    with pq.ParquetWriter(sink, SCHEMA) as writer:
        for size in groups:
            writer.write_table(pa.table({"number": range(first, first + size)}, SCHEMA))
            first += size
    return StoredRows(pq.ParquetFile(sink.getvalue()), "part", SCHEMA)


def test_any_rows_are_taken(rng: np.random.Generator) -> None:
    rows = stored([3, 1, 7, 2])
    for _ in range(50):
        first, stop = sorted(rng.integers(0, 14, 2).tolist())
        taken = [n for batch in rows.take(first, stop - first) for n in batch[0].to_pylist()]
        assert taken == list(range(first, stop))


def test_file_without_rows_has_none_to_take() -> None:
    assert list(stored([]).take(0, 0)) == []


def test_rows_that_cannot_be_read_are_a_damaged_part() -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"number": range(100)}, SCHEMA), sink, compression="zstd")
    data = bytearray(sink.getvalue().to_pybytes())
    data[20:200] = bytes(180)
    with pytest.raises(DamagedPartError, match="'a part' is not as its commit says"):
        list(StoredRows(pq.ParquetFile(pa.BufferReader(bytes(data))), "a part", SCHEMA).take(0, 9))


def test_part_is_opened_if_it_is_what_its_commit_says(tmp_path: Path) -> None:
    storage = Storage(str(finished_output(tmp_path)))
    [report] = read_commits(storage, ["000-000000"])
    with open_checked(storage, report.parts["files"]) as file:
        assert file.metadata.num_rows == report.members


@pytest.mark.parametrize(
    "change", [{"rows": 99}, {"first_row": 1}, {"sha256": "0"}, {"bytes": 1}, {"path": "files/x"}]
)
def test_part_that_is_another_is_not_opened(tmp_path: Path, change: dict[str, object]) -> None:
    storage = Storage(str(finished_output(tmp_path)))
    [report] = read_commits(storage, ["000-000000"])
    part = replace(report.parts["files"], **change)  # type: ignore[arg-type]
    with pytest.raises(DamagedPartError), open_checked(storage, part):
        pass
