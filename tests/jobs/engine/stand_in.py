"""A small job to run the engine with: the size and checksum of local files, and their lines."""

from __future__ import annotations

import itertools
import os
import signal
import time
import zlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from jobs.members import Member

FILES = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("status", pa.dictionary(pa.int8(), pa.string()), nullable=False),
        pa.field("crc", pa.int64()),
        pa.field("num_lines", pa.int32(), nullable=False),
    ]
)
LINES = pa.schema([pa.field("key", pa.string(), nullable=False), pa.field("line", pa.binary())])


@dataclass(frozen=True)
class ChecksumJob:
    """The content decides: `exit`, `segfault` and `bug` do what they say, `once` exits once,
    `spin` never ends, `hold` neither and keeps the interpreter's lock, `eat` takes all memory.

    Attributes:
        delay_s: Time to take over each file.
        notes: Folder in which each process leaves a file named after its id.
        start_error: Exception to raise when a worker starts.
        dies_early: Whether processes exit before they have touched a file.
        dropped: Key to forget the row of.
    """

    delay_s: float = 0.0
    notes: Path | None = None
    start_error: Exception | None = None
    dies_early: bool = False
    dropped: str | None = None
    primary: str = "files"
    failed_statuses: frozenset[str] = frozenset({"unreadable", "crashed"})
    row_group_bytes: int = 2000
    schemas: Mapping[str, pa.Schema] = field(
        default_factory=lambda: {"files": FILES, "lines": LINES}
    )

    def writer_options(self, name: str) -> dict[str, Any]:
        return {"compression": "zstd", "use_dictionary": name == "files"}

    def start(self) -> ChecksumProcessor:
        if self.start_error is not None:
            raise self.start_error
        if self.notes is not None:
            (self.notes / str(os.getpid())).touch()
        return ChecksumProcessor(self)


@dataclass(frozen=True)
class File:
    """An item.

    Attributes:
        member: The file.
        data: What is in it; None if it is gone.
    """

    member: Member
    data: bytes | None


class ChecksumProcessor:
    def __init__(self, job: ChecksumJob) -> None:
        self._job = job

    def read(self, members: Sequence[Member]) -> Iterator[File]:
        for member in _files(members):
            path = Path(member.uri)
            yield File(member, path.read_bytes() if path.exists() else None)

    def rows(self, items: Iterator[File]) -> Iterator[tuple[str, pa.RecordBatch]]:
        if self._job.dies_early:
            os._exit(7)
        for item in items:
            if item.member.key != self._job.dropped:
                yield from self._rows(item)

    def failed(self, member: Member, status: str) -> Iterator[tuple[str, pa.RecordBatch]]:
        yield "files", _row(member.key, status, None)

    def _rows(self, item: File) -> Iterator[tuple[str, pa.RecordBatch]]:
        key, data = item.member.key, item.data
        if data is None:
            yield "files", _row(key, "unreadable", None)
            return
        time.sleep(self._job.delay_s)
        _misbehave(data, Path(item.member.uri))
        lines = data.splitlines()
        yield "files", _row(key, "ok", zlib.crc32(data), len(lines))
        columns = {"key": [key] * len(lines), "line": lines}
        yield "lines", pa.RecordBatch.from_pydict(columns, schema=LINES)


def _misbehave(data: bytes, path: Path) -> None:
    if data == b"exit":
        os._exit(7)
    if data == b"once":
        path.write_bytes(b"line of text\n")
        os.kill(os.getpid(), signal.SIGKILL)
    if data == b"segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    while data == b"spin":
        pass
    if data == b"hold":
        deque(itertools.repeat(0), maxlen=0)
    eaten = []
    while data == b"eat":
        eaten.append(b"x" * 2**24)
        time.sleep(0.01)
    if data == b"bug":
        raise ZeroDivisionError("a bug in the job")


def _files(members: Sequence[Member]) -> Iterator[Member]:
    """The members; a container is a folder."""
    for member in members:
        if member.is_container:
            yield from list_folder(Path(member.uri))
        else:
            yield member


def _row(key: str, status: str, crc: int | None, lines: int = 0) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {"key": [key], "status": [status], "crc": [crc], "num_lines": [lines]}, schema=FILES
    )


def list_folder(folder: Path) -> Iterator[Member]:
    """All files of a folder, by name."""
    for path in sorted(folder.iterdir()):
        stat = path.stat()
        yield Member(path.name, str(path), stat.st_size, str(stat.st_mtime_ns), None)


def make_folder(folder: Path, count: int, start: int = 0) -> Path:
    """Files of a few lines each."""
    folder.mkdir(exist_ok=True)
    for number in range(start, start + count):
        (folder / f"{number:05d}.txt").write_bytes(b"line of text\n" * (number % 7))
    return folder
