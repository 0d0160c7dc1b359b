from __future__ import annotations

import gc
import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.engine.parts.part_writer import PartWriter
from jobs.engine.parts.row_bytes import row_bytes
from jobs.engine.reports import PartReport
from jobs.messages.errors import JobError, OutputError
from jobs.storage.storage import Storage

SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("status", pa.dictionary(pa.int8(), pa.string())),
        ("box", pa.list_(pa.float32(), 4)),
        ("crop", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("points", pa.list_(pa.float32())),
    ]
)
ROWS: list[dict[str, Any]] = [
    {
        "key": f"k{number}",
        "status": None if number % 7 == 0 else ("ok", "no_face")[number % 2],
        "box": [1.0, 2.0, 3.0, float(number)],
        "crop": None if number % 4 == 0 else {"bytes": b"x" * number * 10, "path": None},
        "points": [0.5] * (number % 3) if number % 6 else None,
    }
    for number in range(200)
]

NAMES = ("faces/part.parquet", "faces/part~2.parquet", "faces/part~3.parquet")


def batches(size: int) -> list[pa.RecordBatch]:
    starts = range(0, len(ROWS), size)
    return [pa.RecordBatch.from_pylist(ROWS[start : start + size], SCHEMA) for start in starts]


def writer(storage: Storage, row_group_bytes: int = 20_000) -> PartWriter:
    return PartWriter(storage, NAMES, SCHEMA, row_group_bytes, {})


def write(storage: Storage, size: int) -> PartReport:
    with writer(storage) as part:
        for batch in batches(size):
            part.write(batch)
        return part.publish()


def test_name_that_other_content_has_is_passed_over(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    for name in NAMES[:2]:
        storage.publish_bytes(name.encode(), name)
    assert write(storage, 7).path == NAMES[2]
    assert [storage.read_bytes(name) for name in NAMES[:2]] == [b.encode() for b in NAMES[:2]]
    assert pq.read_table(tmp_path / NAMES[2]).to_pylist() == ROWS


def test_same_content_again_is_the_same_part(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    assert write(storage, 7) == write(storage, 7)
    assert storage.names("faces") == ["part.parquet"]


def test_part_that_was_cut_off_is_passed_over(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    write(storage, 7)
    path = tmp_path / NAMES[0]
    path.write_bytes(path.read_bytes()[:-9])
    assert write(storage, 7).path == NAMES[1]


def test_part_without_a_name_left_is_an_error(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    for name in NAMES:
        storage.publish_bytes(b"other", name)
    with pytest.raises(OutputError, match=r"'faces/part.parquet' has other content already"):
        write(storage, 7)


def test_rows_come_back(tmp_path: Path) -> None:
    write(Storage(str(tmp_path)), 7)
    assert pq.read_table(tmp_path / "faces/part.parquet").to_pylist() == ROWS


def test_report_describes_the_file(tmp_path: Path) -> None:
    report = write(Storage(str(tmp_path)), 7)
    data = (tmp_path / "faces/part.parquet").read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    assert report == PartReport("faces/part.parquet", len(ROWS), len(data), digest)


@pytest.mark.parametrize("size", [1, 3, 200])
def test_bytes_do_not_depend_on_the_batches(tmp_path: Path, size: int) -> None:
    storage = Storage(str(tmp_path))
    assert write(storage, size).sha256 == write(storage, 7).sha256


def test_dictionary_order_does_not_show(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    schema = pa.schema([("status", pa.dictionary(pa.int8(), pa.string()))])
    digests = set()
    for words, indices in ((["a", "b", "c"], [1, 0]), (["b", "a"], [0, 1])):
        values = pa.DictionaryArray.from_arrays(pa.array(indices, pa.int8()), pa.array(words))
        with PartWriter(storage, ["a.parquet", "b.parquet"], schema, 1000, {}) as part:
            part.write(pa.RecordBatch.from_arrays([values], schema=schema))
            digests.add(part.publish().sha256)
    assert len(digests) == 1


def test_row_groups_are_bounded_in_bytes(tmp_path: Path) -> None:
    write(Storage(str(tmp_path)), 200)
    file = pq.ParquetFile(tmp_path / "faces/part.parquet")
    sizes = row_bytes(batches(200)[0])
    groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    starts = [sum(groups[:number]) for number in range(len(groups))]
    totals = [
        int(sizes[start : start + rows].sum()) for start, rows in zip(starts, groups, strict=True)
    ]
    assert len(totals) > 5
    assert max(totals) <= 20_000


def test_row_larger_than_a_row_group_is_written_alone(tmp_path: Path) -> None:
    with writer(Storage(str(tmp_path)), row_group_bytes=1) as part:
        part.write(batches(3)[0])
        part.publish()
    assert pq.ParquetFile(tmp_path / "faces/part.parquet").num_row_groups == 3


def test_part_without_rows_is_readable(tmp_path: Path) -> None:
    with writer(Storage(str(tmp_path))) as part:
        part.publish()
    table = pq.read_table(tmp_path / "faces/part.parquet")
    assert (table.num_rows, table.schema.names) == (0, SCHEMA.names)


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), writer(Storage(str(tmp_path))) as part:
        part.write(batches(200)[0])
        raise KeyboardInterrupt
    del part
    gc.collect()
    assert list((tmp_path / "faces").iterdir()) == []


def test_wrong_option_leaves_nothing(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    with pytest.raises(TypeError):
        PartWriter(storage, NAMES, SCHEMA, 1000, {"no_such_option": 1})
    assert list((tmp_path / "faces").iterdir()) == []


def test_rows_of_another_schema_are_refused(tmp_path: Path) -> None:
    with (
        writer(Storage(str(tmp_path))) as part,
        pytest.raises(JobError, match="another schema than announced"),
    ):
        part.write(pa.RecordBatch.from_pydict({"key": ["a"]}))


def test_row_bytes_counts_the_data_of_each_row() -> None:
    row = {
        "key": "abc",
        "status": "ok",
        "box": [0.0] * 4,
        "crop": {"bytes": b"12345", "path": "p"},
        "points": [1.0, 2.0],
    }
    empty = dict.fromkeys(SCHEMA.names)
    batch = pa.RecordBatch.from_pylist([row, empty, row], SCHEMA)
    assert row_bytes(batch).tolist() == [3 + 1 + 16 + 5 + 1 + 8, 1 + 16, 34]
    assert row_bytes(batch.slice(2)).tolist() == [34]
