"""The output: a folder on any file system that fsspec knows, and what is promised of its files."""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from fsspec.implementations.local import LocalFileSystem

from jobs.messages.errors import OutputError
from jobs.storage.digest import digest
from jobs.storage.filesystem import open_filesystem
from jobs.storage.local.local_folder import LocalFolder
from jobs.storage.local.spool import is_leftover
from jobs.storage.output_fault import output_error
from jobs.storage.patience import PATIENCE, Patience
from jobs.storage.remote.remote_folder import RemoteFolder

# A hang, not a slow network: no call of a driver or worker lasts so long, whatever the storage.
_DEADLINE_S = 600.0
# To create what is there one moment and not the next.
_TRIES = 5


class Storage:
    """The output folder; paths are relative to it, with forward slashes.

    What is published appears whole or not at all, also when the process is killed, and is there
    after a power failure. Calls to remote storage have a deadline and are repeated on transient
    errors, and it is seen to that what arrived is all of it. What cannot be written raises
    `OutputError`, and so does remote storage that cannot be reached.

    Args:
        url: Local path or fsspec URL.
        options: Keyword arguments of the fsspec file system.
        deadline_s: Deadline of one call to remote storage; large files have longer.
        patience: How often remote storage is asked.

    Attributes:
        root: The folder, as its file system calls it.
        local: Whether it is on this machine.

    Raises:
        UserError: The scheme is unknown, or the package for it is not installed.
    """

    def __init__(
        self,
        url: str,
        options: Mapping[str, Any] | None = None,
        *,
        deadline_s: float = _DEADLINE_S,
        patience: Patience = PATIENCE,
    ) -> None:
        """Opens the file system; touches no file."""
        self.url = url
        self.options = dict(options or {})
        filesystem, self.root = open_filesystem(url, self.options)
        self.local = isinstance(filesystem, LocalFileSystem)
        self._folder: LocalFolder | RemoteFolder = (
            LocalFolder(self.root)
            if self.local
            else RemoteFolder(filesystem, self.root, url, deadline_s, patience)
        )

    def apart(self, deadline_s: float, patience: Patience) -> Storage:
        """This folder for another thread: with its own connections, deadline and patience."""
        options = self.options if self.local else {**self.options, "skip_instance_cache": True}
        return Storage(self.url, options, deadline_s=deadline_s, patience=patience)

    @contextlib.contextmanager
    def spool(self, path: str) -> Iterator[Path]:
        """A local file name to write `path` to before it is published.

        At the end of the block nothing is left of it.
        """
        with contextlib.ExitStack() as stack:
            with self.writing():
                name = stack.enter_context(self._folder.spool(path))
            yield name

    def publish_file(self, file: Path, path: str) -> None:
        """Makes a spooled file appear as `path`, replacing what was there."""
        with self.writing():
            self._folder.put(file, path)

    def publish_bytes(self, data: bytes, path: str) -> None:
        """Makes `data` appear as the file `path`, replacing what was there."""
        with self.writing():
            self._folder.put_bytes(data, path)

    def publish_many(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Makes files of given paths and contents appear, replacing what was there.

        Each appears whole or not at all, also when the process is killed; after a power failure
        that holds once this has returned. Much faster than one by one.
        """
        with self.writing():
            self._folder.put_many(files)

    @property
    def fenced(self) -> bool:
        """Whether storage itself refuses to create what is there, however late that comes."""
        return self._folder.fenced

    def create_file(self, file: Path, path: str, sha256: str) -> bool:
        """Makes a spooled file appear as `path`, which stays what it is if it is there.

        Args:
            file: The spooled file.
            path: Its path here.
            sha256: Hexadecimal digest of the file.

        Returns:
            Whether `path` has this content now.
        """

        def is_same() -> bool:
            with self.open(path) as found:
                return digest(found)[0] == sha256

        return self._create(lambda: self._folder.create(file, path), is_same)

    def create_bytes(self, data: bytes, path: str) -> bool:
        """Makes `data` appear as the file `path`, which stays what it is if it is there.

        Returns:
            Whether `path` has this content now.
        """

        def is_same() -> bool:
            found = self.read_bytes(path)
            is_cut_off = len(found) < len(data) and data.startswith(found)
            if is_cut_off and self.fenced:  # elsewhere it may be another one that is on its way
                self.publish_bytes(data, path)
                return True
            return found == data

        return self._create(lambda: self._folder.create_bytes(data, path), is_same)

    def _create(self, create: Callable[[], None], is_same: Callable[[], bool]) -> bool:
        for _ in range(_TRIES):
            with self.writing():
                try:
                    create()
                except FileExistsError:
                    pass  # if an answer was lost, the file is this one
                else:
                    return True
                with contextlib.suppress(FileNotFoundError):  # it has gone just now
                    return is_same()
        raise OutputError(
            f"the output '{self.url}' has a name that is taken, and nothing under it: "
            "remove dangling links there and run the same command again"
        )

    def read_bytes(self, path: str) -> bytes:
        """The content of a file, all of it.

        Raises:
            FileNotFoundError: There is none.
        """
        return self._folder.read(path)

    def read_many(self, paths: Iterable[str]) -> Iterator[bytes]:
        """The contents of many small files, in order, read concurrently where that is remote.

        What remote storage cuts off without saying so is cut off; `read_bytes` of it is not.
        """
        return self._folder.read_many(paths)

    def open(self, path: str) -> BinaryIO:
        """A file to read from, seekable.

        Raises:
            FileNotFoundError: There is none.
        """
        return self._folder.open(path)

    def exists(self, path: str) -> bool:
        """Whether there is such a file or folder."""
        return self._folder.exists(path)

    def names(self, folder: str) -> list[str]:
        """Names of the published files in a folder, sorted; none if there is no such folder."""
        return _published(self._folder.names(folder))

    def sizes(self, folder: str) -> dict[str, int | None]:
        """Name -> bytes of the published files in a folder; None where storage does not tell."""
        found = self._folder.sizes(folder)
        return {name: size for name, size in found.items() if not is_leftover(name)}

    def folders(self, folder: str) -> list[str]:
        """Names of the folders in a folder, sorted; none if there is no such folder."""
        return sorted(self._folder.folders(folder))

    def confirmed_names(self, folder: str) -> list[str]:
        """Names of files, where one left out would do damage: remote storage is asked twice."""
        return _published(self._folder.confirmed_names(folder))

    def delete(self, *paths: str) -> None:
        """Removes files; they need not be there."""
        with self.writing():
            self._folder.delete(paths)

    def prune(self, folder: str) -> None:
        """Removes the folders below a folder that hold nothing, and itself if it holds nothing."""
        with self.writing():
            self._folder.prune(folder)

    def leftovers(self, folder: str) -> list[str]:
        """Paths of the files in a folder that are being written, or whose writers were killed."""
        if not self.local:  # where nothing is written before it is whole
            return []
        names = filter(is_leftover, self._folder.names(folder))
        return [posixpath.join(folder, name) for name in names]

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Turns what the operating system or the object store says into an `OutputError`."""
        try:
            yield
        except OSError as error:
            raise output_error("write", self.url, error, local=self.local) from error


def _published(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if not is_leftover(name))
