"""A tree of files on this machine, walked in key order and read by key."""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import unquote_to_bytes

from jobs.members import Member
from jobs.messages.errors import UserError
from jobs.storage.local.regular_file import NotRegularError, open_regular
from jobs.storage.names.pattern import Pattern
from jobs.storage.patience import retrying
from jobs.storage.read_error import ReadError, changed, over_limit, reason
from jobs.storage.tree import Entry

_Identity = tuple[int, int]


class LocalTree:
    """Files below a folder of this machine.

    File names that are not valid UTF-8 become text by writing each of their undecodable bytes as
    `%xx` and each `%` in the same name as `%25`; all other names are left as they are.
    """

    def __init__(self, root: str) -> None:
        """Name the folder; `root` is absolute."""
        self.root = root

    def uri(self, key: str) -> str:
        """The plain absolute path, which `open`, Pillow, fsspec and pandas all take."""
        return text_of(os.path.join(self.root, key))

    def walk(self, pattern: Pattern | None) -> Iterator[Entry]:
        """Yield every file, whatever its type, in the order of the keys.

        One folder's names are held at a time. Links to folders are followed, except to a folder
        the link itself lies in; in what a link leads to, further links lead to each folder once,
        or a few links could make more paths than there is time. What is not a regular file, broken
        links too, has no size, and neither has a folder too deep to be listed.

        Args:
            pattern: Only files that match it, and only folders that can hold such files.

        Raises:
            UserError: A folder cannot be listed, or two names give the same key.
        """
        levels = [_Level("", _identity(self.root), iter(_names(self.root)), None)]
        while levels:
            level = levels[-1]
            name = next(level.names, None)
            if name is None:
                levels.pop()
                continue
            below = level.path + name
            if not name.endswith("/"):
                entry = None if pattern and not pattern.matches(below) else self.entry(below)
                if entry is not None:
                    yield entry
            elif pattern is None or pattern.enters(below[:-1]):
                try:
                    found = self._enter(below, levels)
                except _TooDeepError:
                    yield Entry(text_of(below), None, "")
                else:
                    levels += [found] if found else []

    def _enter(self, below: str, levels: list["_Level"]) -> "_Level | None":
        """A folder below the last level, unless it is one that has been entered on the way."""
        folder = os.path.join(self.root, below)
        identity = _identity(folder)
        if identity is None or any(identity == level.identity for level in levels):
            return None
        linked = levels[-1].linked
        if os.path.islink(folder[:-1]):
            linked = set() if linked is None else linked
            if identity in linked:
                return None
            linked.add(identity)
        return _Level(below, identity, iter(_names(folder)), linked)

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

    def read(self, member: Member, max_bytes: int | None) -> bytes | ReadError:
        """Read a whole file; what is not a regular file is never opened.

        Not a byte more is read than it has when it is opened: the files of /proc have none, and
        reading some of those never ends.
        """
        path = self.path_of(member.key)
        try:
            return retrying()(_read, path, member.size, max_bytes)
        except NotRegularError as error:
            return ReadError("unsupported", str(error))
        except OSError as error:
            broken = isinstance(error, FileNotFoundError) and os.path.islink(path)
            return ReadError("unreadable", "the link leads nowhere" if broken else reason(error))

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


@dataclass(frozen=True)
class _Level:
    """A folder that is being walked.

    Attributes:
        path: Of it below the root, "" or ending in "/".
        identity: What it is, whatever its path.
        names: Those to come.
        linked: Where links led on the way here and beside it, the outermost one and those in what
            it leads to; None outside of links.
    """

    path: str
    identity: _Identity | None
    names: Iterator[str]
    linked: set[_Identity] | None


class _TooDeepError(Exception):
    """The path of a folder is longer than the system takes."""


def text_of(name: str) -> str:
    """A file name or path as valid text; see `LocalTree`."""
    if name.isascii():
        return name
    try:
        name.encode()
    except UnicodeEncodeError:
        return "/".join(map(_escaped, name.split("/")))
    return name


def _escaped(name: str) -> str:
    if not any("\udc80" <= char <= "\udcff" for char in name):
        return name
    return "".join(
        f"%{ord(char) - 0xDC00:02x}" if "\udc80" <= char <= "\udcff" else char
        for char in name.replace("%", "%25")
    )


def _names(folder: str) -> list[str]:
    """Names in a folder, those of folders with a trailing `/`, in the order of their keys."""
    try:
        with os.scandir(folder) as entries:
            names = [f"{entry.name}/" if _is_folder(entry) else entry.name for entry in entries]
    except FileNotFoundError:  # removed since its parent was listed
        return []
    except OSError as error:
        raise _unlisted(folder, error) from error
    names.sort(key=text_of)
    for name, other in pairwise(names):
        if not (name.isascii() and other.isascii()) and text_of(name) == text_of(other):
            where = text_of(os.path.join(folder, name))
            raise UserError(f"two files both have the key {where}: rename one of them")
    return names


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself; it becomes a row that says so
        return False


def _identity(folder: str) -> _Identity | None:
    try:
        info = os.stat(folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise _TooDeepError from error
        raise _unlisted(folder, error) from error
    return info.st_dev, info.st_ino


def _unlisted(folder: str, error: OSError) -> UserError:
    where, why = text_of(folder.rstrip("/")), os.strerror(error.errno or 0).lower()
    return UserError(f"cannot list the folder {where} ({why}): make it readable")


def _read(path: str, planned: int | None, max_bytes: int | None) -> bytes | ReadError:
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        wrong = over_limit(size, max_bytes) or changed(planned, size)
        if wrong is not None:
            return wrong
        data = file.read(size)
        left = os.fstat(file.fileno()).st_size if len(data) == size else len(data)
        return changed(planned, left) or data
