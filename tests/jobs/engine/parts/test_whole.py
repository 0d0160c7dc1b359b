from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.engine.parts.part_writer import PartWriter
from jobs.engine.parts.whole import kept_whole
from jobs.storage.storage import Storage

SCHEMA = kept_whole(pa.schema([("of", pa.int32()), ("data", pa.binary())]), "of")
_ROW = 4 + 96


def _rows(values: Sequence[int]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"of": values, "data": [bytes(96)] * len(values)}, SCHEMA)


def _groups(folder: Path, batches: Sequence[Sequence[int]], rows: int) -> list[list[int]]:
    storage = Storage(str(folder))
    with PartWriter(storage, ["x.parquet"], SCHEMA, rows * _ROW, {}) as writer:
        for batch in batches:
            writer.write(_rows(batch))
        writer.publish()
    with pq.ParquetFile(folder / "x.parquet") as file:
        return [
            file.read_row_group(number)["of"].to_pylist() for number in range(file.num_row_groups)
        ]


def test_a_value_is_not_divided(tmp_path: Path) -> None:
    assert _groups(tmp_path, [[1, 1, 2, 2, 2, 3]], 4) == [[1, 1], [2, 2, 2, 3]]


def test_a_value_that_is_too_large_is_divided_and_lies_apart(tmp_path: Path) -> None:
    assert _groups(tmp_path, [[1, 2, 2, 2, 2, 2, 3]], 2) == [[1], [2, 2], [2, 2], [2], [3]]


def test_a_value_may_come_in_several_batches(tmp_path: Path) -> None:
    assert _groups(tmp_path, [[1, 1, 2], [2, 2], [3]], 4) == [[1, 1], [2, 2, 2, 3]]


@given(st.lists(st.integers(0, 3), max_size=40), st.integers(1, 9), st.data())
def test_where_rows_are_cut_depends_on_the_rows_alone(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], rows: int, data: st.DataObject
) -> None:
    values = [of for of, count in enumerate(sizes) for _ in range(count)]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(values)), max_size=5)))
    bounds = [0, *cuts, len(values)]
    batches = [values[a:b] for a, b in pairwise(bounds)]
    folder = tmp_path_factory.mktemp("whole")
    whole = _groups(folder / "one", [values], rows)
    assert _groups(folder / "many", batches, rows) == whole
    assert [value for group in whole for value in group] == values
