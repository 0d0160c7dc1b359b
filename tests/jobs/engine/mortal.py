"""Storage and processes that come to an end after some changes; outputs as all their files."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable
from typing import Any

import fsspec
from fsspec.implementations.memory import MemoryFileSystem

from jobs.engine.lease.log import LOG
from jobs.engine.parts.names import shard_of
from jobs.storage.storage import Storage


class Mortal(MemoryFileSystem):  # type: ignore[misc]
    """An object store that takes so many writes and deletions and then no more."""

    protocol = "mortal"
    lives = sys.maxsize

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace("mortal://", "memory://")))

    def _live(self) -> None:
        if Mortal.lives <= 0:
            raise PermissionError("gone")
        Mortal.lives -= 1

    def pipe_file(self, *arguments: Any, **keywords: Any) -> None:
        self._live()
        super().pipe_file(*arguments, **keywords)

    def put_file(self, *arguments: Any, **keywords: Any) -> None:
        self._live()
        super().put_file(*arguments, **keywords)

    def rm_file(self, path: str) -> None:
        self._live()
        super().rm_file(path)


fsspec.register_implementation("mortal", Mortal, clobber=True)


def die_before(output: str, changes: int) -> None:
    """Has this process killed before it changes one file or folder of an output too many."""
    left = [changes]

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_CREAT
        if not writes and event not in {
            "os.link",
            "os.rename",
            "os.remove",
            "os.mkdir",
            "os.rmdir",
        }:
            return
        if output in str(arguments[0]):
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1

    sys.addaudithook(watch)


def files(output: object) -> set[str]:
    """All files, hidden ones too."""
    filesystem, root = fsspec.core.url_to_fs(str(output))
    return {path[len(root) :].lstrip("/") for path in filesystem.find(root)}


def contents(output: str) -> dict[str, bytes]:
    """All files with what is in them."""
    storage = Storage(output)
    return {path: storage.read_bytes(path) for path in files(output)}


def restore(output: str, saved: dict[str, bytes]) -> None:
    """Makes an output what it was."""
    storage = Storage(output)
    for path in files(output) - set(saved):
        storage.delete(path)
    for path, data in saved.items():
        storage.publish_bytes(data, path)


def data_of(saved: dict[str, bytes]) -> dict[str, bytes]:
    """The parts, by output and first shard, whatever else is in their names."""
    parts = [path for path in saved if path.endswith(".parquet") and path[0] != "_"]
    found = {place(path): saved[path] for path in parts}
    assert len(found) == len(parts), f"one too many of {parts}"
    return found


def places(paths: Iterable[str]) -> set[str]:
    """What the files are, all but entries of the log: those tell how often a driver began."""
    return {place(path) for path in paths if not path.startswith(f"{LOG}/")}


def place(path: str) -> str:
    """Output and first shard of a part; other files as they are called."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/{shard_of(name) or name}".lstrip("/")
