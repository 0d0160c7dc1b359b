"""Storage that fails: a folder of this machine as `flaky://`, some of whose answers are wrong.

What each call is answered with depends on the seed, on the call and on how often it was made in
this process, and on nothing else, so that a seed repeats a run as far as its threads and workers
do the same again.
"""

from __future__ import annotations

import asyncio
import errno
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

from fsspec import AbstractFileSystem
from fsspec.asyn import AsyncFileSystem

from jobs.storage.remote import remote_folder
from jobs.storage.remote.remote_folder import RemoteFolder

# Variables, since the processes of a job have nothing else in common.
ASYNCHRONOUS, SEED, RATE, NOTES, OUTAGE, DEADLINE = (
    f"FLAKY_{name}" for name in ("ASYNCHRONOUS", "SEED", "RATE", "NOTES", "OUTAGE", "DEADLINE_S")
)
# Longer than the deadlines that the tests choose.
STALL_S = 4.0
_READS = ("raise", "stall", "truncate")
_LOOKS = ("raise", "stall", "lie")
_WRITES = ("raise", "raise afterwards", "stall", "truncate")
_REMOVALS = ("raise", "raise afterwards", "stall")


class ClientPayloadError(Exception):
    """What aiohttp calls a body that ended early."""


class EndpointConnectionError(Exception):
    """What botocore calls a host that is not reached."""


_ERRORS: tuple[Callable[[], Exception], ...] = (
    lambda: ConnectionResetError("connection reset"),
    lambda: TimeoutError("timed out"),
    lambda: OSError(errno.EIO, "input/output error"),
    lambda: OSError(errno.EBUSY, "slow down"),
    lambda: ClientPayloadError("not enough data"),
    lambda: EndpointConnectionError("no connection"),
)


def install(folder: Path) -> None:
    """Makes fsspec know `flaky://` in processes that have the folder in PYTHONPATH."""
    info = folder / "flaky-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: flaky\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[fsspec.specs]\nflaky = tests.servers.flaky:Flaky\n", encoding="utf-8"
    )


class _Chance:
    """Decides which calls of a process fail, and how."""

    def __init__(self) -> None:
        self._seen: Counter[tuple[str, str]] = Counter()
        self._lock = Lock()

    def fault(self, call: str, path: str, kinds: tuple[str, ...]) -> tuple[str, random.Random]:
        """What goes wrong, or nothing; and random numbers to shape it with."""
        if os.path.exists(os.environ.get(OUTAGE, "")):
            self._note("outage", call, path)
            raise ConnectionRefusedError(errno.ECONNREFUSED, "the storage is down")
        # The folder is another one in each run.
        name = "/".join(path.rsplit("/", 2)[1:])
        with self._lock:
            self._seen[call, name] += 1
            number = self._seen[call, name]
        chance = random.Random(f"{os.environ.get(SEED)} {call} {name} {number}")
        wrong = chance.random() < float(os.environ.get(RATE, "0"))
        kind = chance.choice(kinds) if wrong else ""
        self._note(kind, call, path)
        if kind == "raise":
            raise chance.choice(_ERRORS)()
        return kind, chance

    def _note(self, kind: str, call: str, path: str) -> None:
        with open(f"{os.environ[NOTES]}/{os.getpid()}", "a", encoding="utf-8") as file:
            file.write(f"{kind}\t{call}\t{path}\n")


_chance = _Chance()


def calls(notes: Path) -> list[tuple[str, str, str]]:
    """All calls of the processes that left notes: what went wrong, or "", the call, its path."""
    lines = [line for file in notes.iterdir() for line in file.read_text("utf-8").splitlines()]
    return [(kind, call, path) for kind, call, path in (line.split("\t") for line in lines)]


def faults(notes: Path) -> Counter[str]:
    """What went wrong in which calls, and how often."""
    return Counter(f"{kind} in {call}" for kind, call, _ in calls(notes) if kind)


def lied(size: int, chance: random.Random) -> int:
    """Another size than the true one, and hardly ever the same one twice."""
    less = size - chance.randrange(1, size + 1) if size else 1
    return chance.choice([less, size + 1 + chance.randrange(1000), size * 1000 + less])


def cut(data: bytes, chance: random.Random) -> bytes:
    """Not all of it."""
    return data[: chance.choice([0, chance.randrange(len(data))])] if data else data


def _info(path: str) -> dict[str, Any]:
    stat = os.stat(path)
    if os.path.isdir(path):
        return {"name": path, "size": 0, "type": "directory"}
    version = f'"{stat.st_ino}-{stat.st_mtime_ns}"'
    return {"name": path, "size": stat.st_size, "type": "file", "ETag": version}


def _ls(path: str, lying: bool, chance: random.Random) -> list[dict[str, Any]]:
    if not os.path.isdir(path):
        infos = [_info(path)]
    else:
        infos = [_info(f"{path}/{name}") for name in sorted(os.listdir(path))]
    for info in infos:
        if lying and info["type"] == "file" and chance.random() < 0.5:
            info["size"] = lied(info["size"], chance)
    return infos


def _read(path: str, start: int | None, end: int | None) -> bytes:
    with open(path, "rb") as file:
        file.seek(start or 0)
        return file.read() if end is None else file.read(max(0, end - (start or 0)))


def _write(data: bytes, path: str, mode: str) -> None:
    """An object appears at once, or not at all; one that is to be created, if nothing is there."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=os.path.dirname(os.environ[NOTES]), delete=False) as file:
        file.write(data)
    if mode == "create":
        try:
            os.link(file.name, path)
        finally:
            os.unlink(file.name)
    else:
        os.replace(file.name, path)


def _afterwards(kind: str, chance: random.Random) -> None:
    if kind == "raise afterwards":
        raise chance.choice(_ERRORS)()


class _Local(AbstractFileSystem):  # type: ignore[misc]
    """What both kinds have in common."""

    protocol = "flaky"
    cachable = True

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(each) for each in path]
        return "/" + str(path).removeprefix("flaky://").strip("/")

    def unstrip_protocol(self, name: str) -> str:
        return "flaky://" + self._strip_protocol(name)


class FlakyAsync(_Local, AsyncFileSystem):  # type: ignore[misc]
    """The asynchronous one, as most of those for object stores are."""

    async def _fault(self, call: str, path: str, kinds: tuple[str, ...]) -> Any:
        kind, chance = _chance.fault(call, path, kinds)
        if kind == "stall":
            await asyncio.sleep(STALL_S)
        return kind, chance

    async def _info(self, path: str, **keywords: Any) -> dict[str, Any]:
        path = self._strip_protocol(path)
        kind, chance = await self._fault("info", path, _LOOKS)
        info = _info(path)
        if kind == "lie":
            info["size"] = lied(info["size"], chance)
        return info

    async def _ls(self, path: str, detail: bool = True, **keywords: Any) -> list[Any]:
        path = self._strip_protocol(path)
        kind, chance = await self._fault("ls", path, _LOOKS)
        infos = _ls(path, kind == "lie", chance)
        return infos if detail else [info["name"] for info in infos]

    async def _cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **keywords: Any
    ) -> bytes:
        path = self._strip_protocol(path)
        kind, chance = await self._fault("cat_file", path, _READS)
        data = _read(path, start, end)
        return cut(data, chance) if kind == "truncate" else data

    async def _put_file(self, lpath: str, rpath: str, mode: str = "", **keywords: Any) -> None:
        await self._pipe_file(rpath, Path(lpath).read_bytes(), mode)

    async def _pipe_file(self, path: str, value: bytes, mode: str = "", **keywords: Any) -> None:
        path = self._strip_protocol(path)
        kind, chance = await self._fault("write", path, _WRITES)
        _write(cut(value, chance) if kind == "truncate" else value, path, mode)
        _afterwards(kind, chance)

    async def _rm_file(self, path: str, **keywords: Any) -> None:
        path = self._strip_protocol(path)
        kind, chance = await self._fault("rm_file", path, _REMOVALS)
        os.unlink(path)
        _afterwards(kind, chance)


class FlakySync(_Local):
    """The synchronous one; one that hangs does so in the thread that calls it."""

    def _fault(self, call: str, path: str, kinds: tuple[str, ...]) -> Any:
        kind, chance = _chance.fault(call, path, kinds)
        if kind == "stall":
            time.sleep(STALL_S)
        return kind, chance

    def info(self, path: str, **keywords: Any) -> dict[str, Any]:
        path = self._strip_protocol(path)
        kind, chance = self._fault("info", path, _LOOKS)
        info = _info(path)
        if kind == "lie":
            info["size"] = lied(info["size"], chance)
        return info

    def ls(self, path: str, detail: bool = True, **keywords: Any) -> list[Any]:
        path = self._strip_protocol(path)
        kind, chance = self._fault("ls", path, _LOOKS)
        infos = _ls(path, kind == "lie", chance)
        return infos if detail else [info["name"] for info in infos]

    def open(self, path: str, mode: str = "rb", **keywords: Any) -> Any:
        path = self._strip_protocol(path)
        assert mode == "rb", "written as a whole"
        self._fault("open", path, ("raise", "stall"))
        return _File(self, path)

    def put_file(self, lpath: str, rpath: str, mode: str = "", **keywords: Any) -> None:
        self.pipe_file(rpath, Path(lpath).read_bytes(), mode)

    def pipe_file(self, path: str, value: bytes, mode: str = "", **keywords: Any) -> None:
        path = self._strip_protocol(path)
        kind, chance = self._fault("write", path, _WRITES)
        _write(cut(value, chance) if kind == "truncate" else value, path, mode)
        _afterwards(kind, chance)

    def rm_file(self, path: str) -> None:
        path = self._strip_protocol(path)
        kind, chance = self._fault("rm_file", path, _REMOVALS)
        os.unlink(path)
        _afterwards(kind, chance)


class _File:
    """A file of the synchronous one."""

    def __init__(self, fs: FlakySync, path: str) -> None:
        self._fs = fs
        self._path = path
        self._file: BinaryIO = open(path, "rb")  # noqa: SIM115 (closed by who reads it)

    def read(self, size: int = -1) -> bytes:
        kind, chance = self._fs._fault("read", self._path, _READS)
        before = self._file.tell()
        data = self._file.read(size)
        if kind == "truncate":
            data = cut(data, chance)
            self._file.seek(before + len(data))
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


def _hasten(deadline_s: float) -> None:
    """Outputs of this process give up a call that hangs sooner than there is a setting for."""
    begin = RemoteFolder.__init__

    def hastened(folder: RemoteFolder, *given: Any) -> None:
        begin(folder, *given)
        folder._deadline_s = deadline_s

    RemoteFolder.__init__ = hastened  # type: ignore[assignment]


if DEADLINE in os.environ:
    _hasten(float(os.environ[DEADLINE]))
if os.environ.get(ASYNCHRONOUS) == "1":  # the other one is looked at before anything is created
    remote_folder._EXCLUSIVE |= {"flaky"}
Flaky = FlakyAsync if os.environ.get(ASYNCHRONOUS) == "1" else FlakySync
