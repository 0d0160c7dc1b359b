"""An output folder on this machine."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

from jobs.storage.local import durable, spool
from jobs.storage.output_fault import output_error


class LocalFolder:
    """Files below a folder of this machine; errors are the operating system's.

    But a file that is there and cannot be read raises `OutputError`: it must not count as damaged.

    Args:
        root: The folder; it need not be there.

    Attributes:
        fenced: Whether a name that is taken is refused by the file system itself.
    """

    def __init__(self, root: str) -> None:
        """Touches nothing."""
        self._root = Path(root)
        self.fenced = True

    def spool(self, path: str) -> AbstractContextManager[Path]:
        """A name to write a file to that `put` is given afterwards."""
        return spool.beside(self._root / path)

    def put(self, file: Path, path: str) -> None:
        """Makes a spooled file appear."""
        durable.move(file, self._root / path)

    def put_bytes(self, data: bytes, path: str) -> None:
        """Makes a file with this content appear."""
        with self.spool(path) as file:
            file.write_bytes(data)
            self.put(file, path)

    def put_many(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Makes files with these contents appear; durable when all are."""
        durable.write_all((str(self._root / path), data) for path, data in files)

    def create(self, file: Path, path: str) -> None:
        """Makes a spooled file appear if nothing has its name, else `FileExistsError`."""
        self.fenced = durable.link(file, self._root / path)

    def create_bytes(self, data: bytes, path: str) -> None:
        """Makes a file with this content appear if nothing has its name."""
        with self.spool(path) as file:
            file.write_bytes(data)
            self.create(file, path)

    def read(self, path: str) -> bytes:
        """The content of a file."""
        with self._reading():
            return (self._root / path).read_bytes()

    def read_many(self, paths: Iterable[str]) -> Iterator[bytes]:
        """The contents of files, in order."""
        return map(self.read, paths)

    def open(self, path: str) -> BinaryIO:
        """A file to read from, seekable."""
        with self._reading():
            return (self._root / path).open("rb")

    def exists(self, path: str) -> bool:
        """Whether there is such a file or folder."""
        with self._reading():
            return (self._root / path).exists()

    def names(self, folder: str) -> list[str]:
        """Names of the files in a folder, which need not be there."""
        return [entry.name for entry in self._entries(folder) if not entry.is_dir()]

    def sizes(self, folder: str) -> dict[str, int | None]:
        """Name -> bytes of the files in a folder, which need not be there."""
        found: dict[str, int | None] = {}
        for entry in self._entries(folder):
            with contextlib.suppress(FileNotFoundError):  # removed just now, or a link to nothing
                if entry.is_file():
                    found[entry.name] = entry.stat().st_size
        return found

    def folders(self, folder: str) -> list[str]:
        """Names of the folders in a folder, which need not be there."""
        return [entry.name for entry in self._entries(folder) if entry.is_dir()]

    def confirmed_names(self, folder: str) -> list[str]:
        """Names of the files in a folder; a disk leaves none out the first time."""
        return self.names(folder)

    def delete(self, paths: Iterable[str]) -> None:
        """Removes files, which need not be there."""
        durable.remove(self._root / path for path in paths)

    def prune(self, folder: str) -> None:
        """Removes folders that hold nothing: below a folder, and itself."""
        durable.prune(self._root / folder)

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            with self._reading(), os.scandir(self._root / folder) as entries:
                return list(entries)
        except (FileNotFoundError, NotADirectoryError):
            return []

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise
        except OSError as error:
            raise output_error("read", str(self._root), error, local=True) from error
