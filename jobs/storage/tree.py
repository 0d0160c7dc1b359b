"""A tree of files that can be listed and read, on this machine or behind fsspec."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from jobs.storage.names.pattern import Pattern
from jobs.storage.read_error import ReadError
from jobs.storage.streams.range_file import ExplainedFile
from jobs.storage.streams.steady_file import SteadyFile


@dataclass(frozen=True)
class Entry:
    """One file of a tree.

    Attributes:
        key: Path relative to the tree's root, with `/`.
        size: Bytes; None where it is not a regular file or the storage does not say.
        version: ETag or modification time; empty where the storage has neither.
    """

    key: str
    size: int | None
    version: str


class Tree(Protocol):
    """Files below a folder; what cannot be read is said in a `ReadError`, not raised."""

    @property
    def root(self) -> str:
        """Path of the folder, as its file system calls it."""
        ...

    def uri(self, key: str) -> str:
        """What opens a file, given the credentials that are left out of it."""
        ...

    def walk(self, pattern: Pattern | None) -> Iterator[Entry]:
        """Yields every file that the pattern matches, in the order of the keys.

        Raises:
            UserError: A folder cannot be listed.
        """
        ...

    def named(self, key: str) -> Entry:
        """The file that somebody has named by its key.

        Raises:
            UserError: There is none, or it is a folder.
        """
        ...

    def read(self, file: Entry, max_bytes: int | None) -> bytes | ReadError:
        """All of a file.

        Args:
            file: As it was listed, some time ago and perhaps on another machine.
            max_bytes: A larger one is not read.
        """
        ...

    def open_ranges(self, key: str, told: int | None) -> ExplainedFile | ReadError:
        """A file for readers that seek; `told` is perhaps its size."""
        ...

    def open_stream(
        self, file: Entry, start: int = 0, stop: int | None = None
    ) -> SteadyFile | ReadError:
        """A file that is read from front to back.

        Args:
            file: As it was listed; of a part the size is that up to its end.
            start: Where reading begins.
            stop: Where it ends; None is the end of the file, which must be where it was listed.
        """
        ...
