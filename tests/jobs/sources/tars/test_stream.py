"""Tar archives made to take all memory, all time, or to write rows that nobody can read."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import subprocess
import sys
import tarfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobs.sources.settings import InputSettings
from jobs.sources.tar import TarSource
from jobs.sources.tars.stream import TarEntry, TarStream
from jobs.storage.read_error import ReadError

TOO_LONG = ReadError("unreadable", "the archive is damaged here: a name is too long")
OTHER_NAME = ReadError(
    "unreadable", "the archive is damaged here: the next file may have another name"
)


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def member(name: str, data: bytes, kind: bytes = tarfile.REGTYPE) -> bytes:
    return header(name, len(data), kind) + data + bytes(-len(data) % 512)


class Endless:
    """A stream that is never held in memory: so many times the same bytes, and some more."""

    def __init__(self, piece: bytes, times: int, end: bytes = b"") -> None:
        self._pieces: Iterator[bytes] = itertools.chain(itertools.repeat(piece, times), [end])
        self._ahead = bytearray()

    def read(self, size: int) -> bytes:
        while len(self._ahead) < size and (piece := next(self._pieces, None)) is not None:
            self._ahead += piece
        data = bytes(self._ahead[:size])
        del self._ahead[:size]
        return data

    def skip(self, size: int) -> None:
        while size and (data := self.read(min(size, 1 << 20))):
            size -= len(data)


def read_to_the_end(stream: Endless, most_bytes: int) -> tuple[TarEntry, set[ReadError | None]]:
    """The last entry and the errors of those before; fails if that took more memory."""
    before: set[ReadError | None] = set()
    last: TarEntry | None = None
    tracemalloc.start()
    try:
        for entry in TarStream(stream):
            before |= {last.error} if last else set()
            last = entry
        assert tracemalloc.get_traced_memory()[1] < most_bytes
    finally:
        tracemalloc.stop()
    assert last is not None
    return last, before


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_headers_without_end_are_not_held(kind: bytes) -> None:
    piece = member("x", bytes(700_000), kind)
    last, before = read_to_the_end(Endless(piece, 100, member("a.jpg", b"1")), 20 << 20)
    assert before == {TOO_LONG}
    assert (last.name, last.error) == ("a.jpg", None)


def test_empty_headers_without_end_are_not_held() -> None:
    piece = member("x", b"", tarfile.XHDTYPE)
    last, _ = read_to_the_end(Endless(piece, 20_000, member("a.jpg", b"1")), 1 << 20)
    assert last.name == "a.jpg"


def test_the_time_for_a_pax_header_grows_with_its_records() -> None:
    def seconds(records: int) -> float:
        data = b"4 =\n" * records + b"14 path=b.jpg\n"
        archive = member("x", data, tarfile.XHDTYPE) + member("a.jpg", b"1")
        began = time.process_time()
        [entry] = TarStream(Endless(archive, 1))
        assert entry.name == "b.jpg"
        return time.process_time() - began

    few, many = (min(seconds(count) for _ in range(3)) for count in (25_000, 250_000))
    assert many < 30 * few  # with their square it is a hundred times


def test_a_pax_record_that_ends_before_it_begins_is_damage() -> None:
    for record in (b"0 path=b\n", b"1 path=b\n", b"3 path=b\n", b"99 path=b\n"):
        archive = member("x", record, tarfile.XHDTYPE) + member("a.jpg", b"1")
        gap, entry = TarStream(Endless(archive, 1))
        assert (gap.error, entry.name) == (OTHER_NAME, "a.jpg")


def test_a_name_of_half_a_megabyte_is_damage() -> None:
    long = member("x", b"n" * 500_000, tarfile.GNUTYPE_LONGNAME)
    gap, entry = TarStream(Endless(long + member("a.jpg", b"1"), 1))
    assert (gap.error, entry.name) == (OTHER_NAME, "a.jpg")


def test_a_name_with_everything_in_it_is_only_a_name() -> None:
    name = "\n\r\t\x1b[2J\u202e../\\C:\\x.tar/\x7f"
    info = tarfile.TarInfo(name)
    [entry] = TarStream(Endless(info.tobuf(tarfile.PAX_FORMAT), 1))
    assert entry.name == name


def test_a_name_with_a_nul_is_only_a_name() -> None:
    record = b"17 path=nul\0.jpg\n"
    archive = member("x", record, tarfile.XHDTYPE) + member("a.jpg", b"1")
    [entry] = TarStream(Endless(archive, 1))
    assert entry.name == "nul\0.jpg"


@pytest.mark.parametrize("size", [1 << 33, (1 << 62) - 1])
def test_a_member_that_claims_more_than_there_is(size: int) -> None:
    archive = header("a.jpg", size) + b"all there is"
    stream = TarStream(Endless(archive, 1))
    [data] = [stream.read(None) for _ in stream]
    assert data == ReadError("unreadable", "the archive ends in the middle of it")


def test_a_map_of_holes_without_end_is_not_held() -> None:
    first = bytearray(header("a.jpg", 0, tarfile.GNUTYPE_SPARSE))
    first[482] = 1
    first[148:156] = b"%06o\0 " % (sum(first) - sum(first[148:156]) + 256)
    more = bytes(504) + b"\1" + bytes(7)
    last, before = read_to_the_end(Endless(bytes(first), 1, more * 2_000), 8 << 20)
    assert not before
    assert last.error == ReadError("unsupported", "not a regular file but a sparse file")


# Labels


def label_rows(folder: Path, side: str, content: bytes) -> dict[str, bytes | ReadError]:
    archive = member("1.jpg", b"photo") + member(f"1.{side}", content) + bytes(1024)
    (folder / "x.tar").write_bytes(archive)
    source = TarSource(str(folder / "x.tar"), InputSettings())
    return {item.key: data for item, data in source.stream(list(source.list()))}


@pytest.mark.parametrize(
    ("side", "content"),
    [
        ("json", json.dumps({"label": "l" * 100_000}).encode()),
        ("cls", b"l" * 100_000),
        ("json", b"[" * 100_000),
        ("json", b'{"label": ' + b"9" * 5_000 + b"}"),
    ],
)
def test_a_label_that_is_none_is_a_row(tmp_path: Path, side: str, content: bytes) -> None:
    what = "JSON" if side == "json" else "text"
    assert label_rows(tmp_path, side, content) == {
        "1.jpg": b"photo",
        f"1.{side}": ReadError("unsupported", f"the label is not valid {what}"),
    }


def test_a_label_of_megabytes_is_not_parsed(tmp_path: Path) -> None:
    content = b"[" + b"[]," * 2_000_000 + b"[]]"
    found = label_rows(tmp_path, "json", content)["1.json"]
    assert isinstance(found, ReadError)
    assert found.kind == "too_large"


# Bombs, in processes of their own so that all memory counts

_MEASURE = """
import sys
from jobs.sources.settings import InputSettings
from jobs.sources.tar import TarSource
from tests.system.memory import peak_mb
source = TarSource(sys.argv[1], InputSettings())
members = list(source.list())
before = peak_mb()
*_, (member, data) = source.stream(members, 16 << 20)
print(getattr(data, "message", len(data) if isinstance(data, bytes) else ""))
print(peak_mb() - before)
"""


def zeros() -> bytes:
    return gzip.compress(bytes(64 << 20), 9)


def claims() -> bytes:
    return gzip.compress(header("a.jpg", 1 << 60), 9) + zeros() * 40


def empties() -> bytes:
    return gzip.compress(header("a.jpg", 0) * 2_000, 9) * 25


INFLATES = "the compressed data inflates to more than 200 times its size"


@pytest.mark.parametrize(
    ("bomb", "message", "most_mb"),
    [
        (lambda: zeros() * 40, INFLATES, 64),
        (claims, INFLATES, 64),
        (empties, "0", 32),
    ],
    ids=["zeros", "a member of zeros", "empty members"],
)
def test_a_compressed_bomb_takes_little_memory(
    tmp_path: Path, bomb: Callable[[], bytes], message: str, most_mb: int
) -> None:
    (tmp_path / "x.tgz").write_bytes(bomb())
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(tmp_path / "x.tgz")],
        capture_output=True,
        text=True,
        cwd=Path(__file__).resolve().parents[4],
        check=True,
    )
    said, grown_mb = done.stdout.splitlines()
    assert said == message
    assert int(grown_mb) < most_mb


def test_a_tar_in_a_tar_is_one_item(tmp_path: Path) -> None:
    inner = member("in.jpg", b"1") + bytes(1024)
    (tmp_path / "x.tar").write_bytes(member("in.tar", inner) + member("b.jpg", b"2") + bytes(1024))
    source = TarSource(str(tmp_path / "x.tar"), InputSettings())
    assert {item.key: data for item, data in source.stream(list(source.list()))} == {
        "in.tar": inner,
        "b.jpg": b"2",
    }


def test_a_tar_that_is_also_a_zip_is_read_as_a_tar(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("other.jpg", b"other")
    archive = member("a.jpg", packed.getvalue()) + bytes(1024) + packed.getvalue()
    (tmp_path / "x.tar").write_bytes(archive)
    source = TarSource(str(tmp_path / "x.tar"), InputSettings())
    keys = [item.key for item, _ in source.stream(list(source.list()))]
    assert keys[0] == "a.jpg"
    assert not any("other" in key for key in keys)
