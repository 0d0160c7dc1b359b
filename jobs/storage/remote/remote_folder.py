"""An output folder on remote storage, which may be slow, fail for a while, and be wrong."""

from __future__ import annotations

import contextlib
import errno
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, cast

from fsspec import AbstractFileSystem

from jobs.messages.errors import OutputError
from jobs.storage.faults import CutOffError, is_absent
from jobs.storage.local.spool import name_of, unnamed
from jobs.storage.output_fault import output_error
from jobs.storage.patience import Patience, ask, retrying
from jobs.storage.remote.bucket import missing_bucket, protocols_of
from jobs.storage.remote.remote_file import open_remote
from jobs.storage.remote.remote_path import RemotePath, size_of

_READ_TOGETHER = 256
_THREADS = 8
_ONCE = Patience(attempts=1)
_SLOWEST_BYTES_A_S = 100_000
# Where `mode="create"` is a conditional write. What fsspec does elsewhere is to look first.
_EXCLUSIVE = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "memory"})


class RemoteFolder:
    """Files below a folder of an fsspec file system.

    Every call has a deadline and is repeated after errors that pass. Where a wrong answer would
    lose or double something, storage is asked twice. All raise `OutputError` if that does not help,
    but `FileNotFoundError` for what is not there.

    Args:
        filesystem: The fsspec file system.
        root: The folder in it.
        url: What to call it in errors.
        deadline_s: Deadline of a call; large files have longer.
        patience: How often it is repeated.

    Attributes:
        fenced: Whether a name that is taken is refused by the storage itself; elsewhere it is only
            looked whether it is free.
    """

    def __init__(
        self, filesystem: Any, root: str, url: str, deadline_s: float, patience: Patience
    ) -> None:
        """Asks for nothing."""
        self._filesystem = filesystem
        self._root = root
        self._url = url
        self._deadline_s = deadline_s
        self._patience = patience
        self.fenced = not _EXCLUSIVE.isdisjoint(protocols_of(filesystem))

    def spool(self, path: str) -> AbstractContextManager[Path]:
        """A name to write a file to that `put` is given afterwards."""
        return unnamed()

    def put(self, file: Path, path: str) -> None:
        """Makes a spooled file appear, by one upload."""
        self._upload(path, file.stat().st_size, *self._sending(file, path))

    def put_bytes(self, data: bytes, path: str) -> None:
        """Makes a file with this content appear."""
        self._upload(path, len(data), self._filesystem.pipe_file, self._full(path), data)

    def put_many(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Makes files with these contents appear, several at once."""
        with ThreadPoolExecutor(_THREADS) as threads:
            for done in [threads.submit(self.put_bytes, data, path) for path, data in files]:
                done.result()

    def create(self, file: Path, path: str) -> None:
        """Makes a spooled file appear if nothing has its name, else `FileExistsError`."""
        if _uploads_files(self._filesystem):
            self._create(path, file.stat().st_size, *self._sending(file, path))
        else:
            self.create_bytes(file.read_bytes(), path)

    def create_bytes(self, data: bytes, path: str) -> None:
        """Makes a file with this content appear if nothing has its name."""
        self._create(path, len(data), self._filesystem.pipe_file, self._full(path), data)

    def _sending(self, file: Path, path: str) -> tuple[Any, ...]:
        """What to call to upload a file, and with what."""
        put = self._filesystem.put_file

        def kept_open(full: str, **keywords: Any) -> None:
            # Until it ends: a file without a name is called by its number, and a late call that
            # was given up would else send whatever has that number then.
            with file.open("rb") as kept:
                put(name_of(kept), full, **keywords)

        if self._filesystem.async_impl:  # ends when it is given up
            return put, str(file), self._full(path)
        return kept_open, self._full(path)

    def _create(self, path: str, size: int, method: Callable[..., None], *given: object) -> None:
        """Uploads a file under a name that nothing has.

        Raises:
            FileExistsError: Something has it; after an error that has passed, perhaps this file.
        """
        if not self.fenced and self.exists(path):
            raise FileExistsError(errno.EEXIST, "the name is taken", path)
        exclusively = {"mode": "create"} if self.fenced else {}  # others may not know it
        self._send(method, *given, size=size, **exclusively)
        if not (self._has_size(path, size) or self._has_size(path, size)):
            # The name is this file's by now, and nobody else takes a part of it for the whole.
            self._upload(path, size, method, *given)

    def read(self, path: str) -> bytes:
        """The content of a file, as long as storage says it is."""

        def whole(data: bytes) -> bool:
            return self._has_size(path, len(data))

        return cast(bytes, self._call(self._path(path).content, whole))

    def read_many(self, paths: Iterable[str]) -> Iterator[bytes]:
        """The contents of small files, in order, several at once; they may be cut off."""
        waiting = iter(paths)
        while together := list(islice(waiting, _READ_TOGETHER)):
            contents = self._together([self._full(path) for path in together])
            for path in together:
                data = contents.get(self._full(path))
                # By itself: of so many, one or another may fail each time.
                yield data if isinstance(data, bytes) else self._call(self._path(path).content)

    def _together(self, full: list[str]) -> Mapping[str, object]:
        """Contents of files, without those that could not be read just now, or an error instead."""
        try:
            contents: Mapping[str, object] = ask(
                self._filesystem.cat,
                full,
                timeout_s=self._deadline_s,
                patience=_ONCE,
                on_error="return",
            )
        except Exception:  # which lasts, or else does not happen to each of them
            return {}
        return contents

    def open(self, path: str) -> BinaryIO:
        """A file to read from, seekable."""
        return open_remote(self._path(path), self._call)

    def exists(self, path: str) -> bool:
        """Whether there is such a file or folder."""
        # What is taken for missing is made anew, or stays when it ought to go: asked twice. Not by
        # `exists`, which takes a storage that does not answer for one without the file.
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            self._call(self._path(path, refusals=2).info)
            return True
        return False

    def names(self, folder: str) -> list[str]:
        """Names of the files in a folder, which need not be there."""
        entries = self._entries(folder)
        files = [entry["name"] for entry in entries if entry["type"] != "directory"]
        return [posixpath.basename(name) for name in files]

    def sizes(self, folder: str) -> dict[str, int | None]:
        """Name -> bytes of the files in a folder, which need not be there."""
        files = (entry for entry in self._entries(folder) if entry["type"] != "directory")
        return {posixpath.basename(entry["name"]): size_of(entry) for entry in files}

    def folders(self, folder: str) -> list[str]:
        """Names of the folders in a folder, which need not be there."""
        entries = self._entries(folder)
        folders = [entry["name"] for entry in entries if entry["type"] == "directory"]
        here = self._full(folder).rstrip("/")  # some list the folder itself
        names = [name.rstrip("/") for name in folders]
        return [posixpath.basename(name) for name in names if not here.endswith(name)]

    def confirmed_names(self, folder: str) -> list[str]:
        """Names of the files in a folder, those that either of two listings has."""
        return list({*self.names(folder), *self.names(folder)})

    def delete(self, paths: Iterable[str]) -> None:
        """Removes files, which need not be there, several at once."""

        def remove(path: str) -> None:
            if self.exists(path):
                with contextlib.suppress(FileNotFoundError):
                    self._call(self._path(path).remove)

        with ThreadPoolExecutor(_THREADS) as threads:
            list(threads.map(remove, paths))

    def prune(self, folder: str) -> None:
        """Does nothing: object stores have no folders that could be empty."""

    def _entries(self, folder: str) -> list[dict[str, Any]]:
        try:
            return cast("list[dict[str, Any]]", self._call(self._path(folder).children))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _full(self, path: str) -> str:
        return posixpath.join(self._root, path)

    def _upload(self, path: str, size: int, method: Callable[..., None], *given: object) -> None:
        """Uploads a file, again if it does not have the right size afterwards."""

        def upload() -> None:
            self._send(method, *given, size=size)
            if not (self._has_size(path, size) or self._has_size(path, size)):
                raise CutOffError("storage has taken only a part of it")

        retrying(self._patience)(upload)

    def _send(self, method: Callable[..., None], *given: object, size: int, **how: Any) -> None:
        deadline_s = self._deadline_s + size / _SLOWEST_BYTES_A_S
        try:
            self._call(ask, method, *given, timeout_s=deadline_s, patience=self._patience, **how)
        except FileNotFoundError as error:
            fs, root = self._filesystem, self._root
            missing = missing_bucket(fs, root, self._deadline_s, self._patience)
            if missing is None:
                raise
            raise OutputError(
                f"cannot write the output '{self._url}' (there is no {missing}): "
                "make it, or correct the address, and run the same command again"
            ) from error

    def _has_size(self, path: str, size: int) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return size_of(self._call(self._path(path).info)) in (None, size)
        return False

    def _path(self, path: str, refusals: int = 1) -> RemotePath:
        full = self._full(path)
        return RemotePath(self._filesystem, full, self._deadline_s, self._patience, refusals)

    def _call(self, method: Callable[..., Any], *arguments: object, **keywords: Any) -> Any:
        """Asks the storage something; what is not there is the caller's to deal with."""
        try:
            return method(*arguments, **keywords)
        except (FileExistsError, NotADirectoryError, OutputError):
            raise
        except Exception as error:  # each file system has its own classes
            if isinstance(error, FileNotFoundError) and is_absent(error):
                raise
            raise output_error("reach", self._url, error, local=False) from error


def _uploads_files(filesystem: Any) -> bool:
    """Whether it has an upload of files of its own: fsspec's looks first, and writes then."""
    name = "_put_file" if filesystem.async_impl else "put_file"
    return getattr(type(filesystem), name) is not getattr(AbstractFileSystem, name, None)
