"""Parquet files made to take all memory, all time, or rows without end."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest

from jobs.members import Member
from jobs.messages.errors import UserError
from jobs.sources.parquet import ParquetSource
from jobs.sources.settings import InputSettings
from jobs.sources.tables import photos
from jobs.storage.read_error import ReadError

NO_FOOTER = "the Parquet file cannot be read: its footer is damaged or missing"
ENCRYPTED = "the Parquet file cannot be read: it is encrypted"
_ROWS = 1000


def rows(file: Path, max_bytes: int | None = None) -> list[tuple[Member, bytes | ReadError]]:
    source = ParquetSource(str(file), InputSettings())
    return list(source.stream(list(source.list()), max_bytes))


def refusal(file: Path) -> str:
    with pytest.raises(UserError) as caught:
        list(ParquetSource(str(file), InputSettings()).list())
    return str(caught.value).partition(": give")[0]


def repeated(file: Path, value: pa.Array, count: int, **others: pa.Array) -> Path:
    """A file of a few kB in which one value is that of all rows of the first column."""
    indices = pa.array([0] * count, pa.int32())
    name = "key" if pa.types.is_string(value.type) else "image"
    column = {name: pa.DictionaryArray.from_arrays(indices, value)}
    pq.write_table(pa.table(column | others), file, compression="zstd", store_schema=False)
    return file


_MEASURE = """
import sys
from jobs.sources.settings import InputSettings
from jobs.sources.parquet import ParquetSource
from tests.system.memory import peak_mb
source = ParquetSource(sys.argv[1], InputSettings())
members = list(source.list())
before = peak_mb()
print(sum(1 for _ in source.stream(members, 1 << 20)), peak_mb() - before)
"""


@pytest.mark.parametrize("name", ["image", "key"])
def test_a_value_in_all_rows_is_in_memory_for_one(tmp_path: Path, name: str) -> None:
    if name == "image":
        file = repeated(tmp_path / "x.parquet", pa.array([bytes(32 << 20)]), 20)
    else:
        image = pa.array([b"photo"] * 20)
        file = repeated(tmp_path / "x.parquet", pa.array(["k" * (32 << 20)]), 20, image=image)
    assert file.stat().st_size < 10_000
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(file)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).resolve().parents[4],
        check=True,
    )
    count, grown_mb = map(int, done.stdout.split())
    assert count == 20
    assert grown_mb < 32 * 8  # 16 of them and their copies were 1,000


def test_rows_that_inflate_without_end_are_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photos, "most_content", lambda size: 200 * size)
    file = repeated(tmp_path / "x.parquet", pa.array([bytes(1 << 20)]), 50)
    found = [data for _, data in rows(file)]
    what = "row group 0 inflates to more than 200 times its size"
    lost = ReadError("unreadable", f"the Parquet file cannot be read: {what}")
    assert len(found) == 50
    assert found[0] == bytes(1 << 20)
    assert found[-1] == lost


def test_a_name_that_is_too_long_is_a_row(tmp_path: Path) -> None:
    table = {"image": pa.array([b"1", b"2"]), "key": pa.array(["k" * 70_000, "b"])}
    pq.write_table(pa.table(table), tmp_path / "x.parquet")
    assert {member.key: data for member, data in rows(tmp_path / "x.parquet")} == {
        "000000000": ReadError("unsupported", "its key or its label is too long"),
        "b": b"2",
    }


def varint(number: int) -> bytes:
    """As Thrift's compact protocol writes whole numbers."""
    number, digits = number << 1, b""
    while number >= 128:
        digits, number = digits + bytes([number & 127 | 128]), number >> 7
    return digits + bytes([number])


def with_footer(file: Path, old: bytes, new: bytes) -> Path:
    """The file with something in its footer replaced wherever it is."""
    data = file.read_bytes()
    length = int.from_bytes(data[-8:-4], "little")
    footer = data[-8 - length : -8].replace(old, new)
    file.write_bytes(data[: -8 - length] + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    return file


def test_a_footer_that_promises_rows_without_end_is_damaged(tmp_path: Path) -> None:
    table = pa.table({"image": pa.array([b"photo"] * _ROWS)})
    pq.write_table(table, tmp_path / "x.parquet")
    file = with_footer(tmp_path / "x.parquet", varint(_ROWS), varint(1 << 40))
    assert pq.ParquetFile(file).metadata.num_rows == 1 << 40
    assert refusal(file) == NO_FOOTER


def test_more_rows_than_there_are_end_as_rows(tmp_path: Path) -> None:
    table = pa.table({"image": pa.array([b"photo"] * _ROWS)})
    pq.write_table(table, tmp_path / "x.parquet")
    file = with_footer(tmp_path / "x.parquet", varint(_ROWS), varint(2 * _ROWS))
    found = [data for _, data in rows(file)]
    assert len(found) == 2 * _ROWS
    assert all(isinstance(data, ReadError) for data in found[_ROWS:])


@pytest.mark.parametrize("length", [0, 1, 1 << 31, (1 << 32) - 1])
def test_a_footer_of_another_length_is_damaged(tmp_path: Path, length: int) -> None:
    file = tmp_path / "x.parquet"
    pq.write_table(pa.table({"image": pa.array([b"photo"])}), file)
    file.write_bytes(file.read_bytes()[:-8] + length.to_bytes(4, "little") + b"PAR1")
    assert refusal(file) == NO_FOOTER


def test_a_footer_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "x.parquet", "wb") as file:  # takes no space
        file.write(b"PAR1")
        file.seek(1 << 40)
        file.write(((1 << 32) - 1).to_bytes(4, "little") + b"PAR1")
    assert refusal(tmp_path / "x.parquet") == NO_FOOTER


class _Keys(pe.KmsClient):
    def __init__(self) -> None:
        super().__init__()

    def wrap_key(self, key: bytes, name: str) -> bytes:
        return base64.b64encode(key)

    def unwrap_key(self, key: bytes, name: str) -> bytes:
        return base64.b64decode(key)


def encrypted(file: Path, plaintext_footer: bool) -> Path:
    table = pa.table({"image": pa.array([b"photo"])})
    how = pe.EncryptionConfiguration("f", column_keys={"c": ["image"]})
    how.plaintext_footer = plaintext_footer
    connection = pe.KmsConnectionConfig()
    properties = pe.CryptoFactory(lambda _: _Keys()).file_encryption_properties(connection, how)
    with pq.ParquetWriter(file, table.schema, encryption_properties=properties) as writer:
        writer.write_table(table)
    return file


def test_an_encrypted_file_says_so(tmp_path: Path) -> None:
    assert refusal(encrypted(tmp_path / "x.parquet", False)) == ENCRYPTED


def test_an_encrypted_column_says_so(tmp_path: Path) -> None:
    [(_, data)] = rows(encrypted(tmp_path / "x.parquet", True))
    assert data == ReadError("unsupported", ENCRYPTED)
