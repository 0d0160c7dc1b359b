"""A tree of files on this machine, walked in key order and read by key."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import BinaryIO
from urllib.parse import unquote_to_bytes

from jobs.messages.errors import UserError
from jobs.storage.entry import Entry
from jobs.storage.local.local_walk import walk
from jobs.storage.local.regular_file import NotRegularError, check_regular, open_regular
from jobs.storage.names.file_name import text_of
from jobs.storage.names.pattern import Pattern
from jobs.storage.patience import retrying
from jobs.storage.read_error import ReadError, changed, over_limit, reason
from jobs.storage.streams.range_file import RangeFile
from jobs.storage.streams.steady_file import SteadyFile


class LocalTree:
    """Files below a folder of this machine; keys are their paths as `text_of` writes them."""

    def __init__(self, root: str) -> None:
        """Names the folder; `root` is absolute."""
        self.root = root

    def uri(self, key: str) -> str:
        """The plain absolute path, which `open`, Pillow, fsspec and pandas all take."""
        return text_of(os.path.join(self.root, key))

    def walk(self, pattern: Pattern | None) -> Iterator[Entry]:
        """Yields every file that the pattern matches, in the order of the keys.

        What is not a regular file, broken links too, has no size, and neither has a folder too deep
        to be listed, which is yielded itself.

        Raises:
            UserError: A folder cannot be listed, or two names give the same key.
        """
        for path in walk(self.root, pattern):
            too_deep = path.endswith("/")
            entry = Entry(text_of(path), None, "") if too_deep else self.entry(path)
            if entry is not None:
                yield entry

    def entry(self, path: str) -> Entry | None:
        """The file at a path below the root; None if it was removed since it was found."""
        full = os.path.join(self.root, path)
        try:
            info = os.stat(full)
        except OSError:
            try:
                info = os.lstat(full)
            except FileNotFoundError:
                return None
            except OSError:  # in a folder that may be listed but not entered; reading it says so
                return Entry(text_of(path), None, "")
        size = info.st_size if stat.S_ISREG(info.st_mode) else None
        return Entry(text_of(path), size, str(info.st_mtime_ns))

    def named(self, key: str) -> Entry:
        """The file that somebody has named by its key.

        Raises:
            UserError: There is none, or it is a folder.
        """
        entry, uri = self.entry(key), self.uri(key)
        if entry is None:
            raise UserError(f"there is no file '{uri}': check the path")
        if os.path.isdir(os.path.join(self.root, key)):
            raise UserError(f"'{uri}' is a folder: name the files in it, such as '{uri}/*'")
        return entry

    def read(self, file: Entry, max_bytes: int | None) -> bytes | ReadError:
        """All of a file; what is not a regular file is never opened.

        Not a byte more is read than it has when it is opened: the files of /proc have none, and
        reading some of those never ends.
        """
        path = self.path_of(file.key)
        try:
            return retrying()(_read, path, file.size, max_bytes)
        except OSError as error:
            if type(error) is FileNotFoundError and os.path.islink(path):
                return ReadError("unreadable", "the link leads nowhere")
            return _unread(error)

    def open_ranges(self, key: str, told: int | None) -> RangeFile | ReadError:
        """A file for readers that seek; what it was told to have is not believed."""
        try:
            file = open_regular(self.path_of(key), buffering=0)
        except OSError as error:
            return _unread(error)
        descriptor = file.fileno()

        def fetch(start: int, stop: int) -> bytes:
            return retrying()(os.pread, descriptor, stop - start, start)

        return RangeFile(os.fstat(descriptor).st_size, fetch, file.close)

    def open_stream(
        self, file: Entry, start: int = 0, stop: int | None = None, buffering: int = 1 << 20
    ) -> SteadyFile | ReadError:
        """A file that is read from front to back.

        Args:
            file: As it was listed; of a part the size is that up to its end.
            start: Where reading begins.
            stop: Where it ends; None is the end of the file, which must be where it was listed.
            buffering: Bytes that are read at once, however few are asked for.
        """
        path = self.path_of(file.key)
        try:
            size = check_regular(os.stat(path)).st_size
        except OSError as error:
            return _unread(error)
        more_follows = stop is not None and size > stop
        wrong = None if file.size is None or more_follows else changed(file.size, size)

        def open_at(offset: int) -> BinaryIO:
            opened = open_regular(path, buffering)
            opened.seek(offset)
            return opened

        return wrong or SteadyFile(open_at, size, start)

    def path_of(self, key: str) -> str:
        """The path behind a key, whose names may stand for undecodable ones."""
        whole = os.path.join(self.root, key)
        if "%" not in key or os.path.lexists(whole):
            return whole
        path = self.root
        for name in key.split("/"):
            literal = os.path.join(path, name)
            raw = os.fsdecode(unquote_to_bytes(name))
            # Only what `text_of` writes so: `a%20b` that is gone must not be read as `a b`.
            is_raw = not os.path.lexists(literal) and text_of(raw) == name
            path = os.path.join(path, raw) if is_raw else literal
        return path


def _unread(error: OSError) -> ReadError:
    if isinstance(error, NotRegularError):
        return ReadError("unsupported", str(error))
    return ReadError("unreadable", reason(error))


def _read(path: str, planned: int | None, max_bytes: int | None) -> bytes | ReadError:
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        wrong = over_limit(size, max_bytes) or changed(planned, size)
        if wrong is not None:
            return wrong
        data = file.read(size)
        left = os.fstat(file.fileno()).st_size if len(data) == size else len(data)
        return changed(planned, left) or data
