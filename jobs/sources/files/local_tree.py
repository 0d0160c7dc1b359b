"""A tree of files on this machine, walked in key order and read by key."""

import os
import stat
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote_to_bytes

from jobs.engine.errors import UserError
from jobs.engine.members import Member
from jobs.engine.retry import retrying
from jobs.sources.files.entry import Entry
from jobs.sources.files.pattern import Pattern
from jobs.sources.files.reading import ReadError, changed, over_limit, reason


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
        the link itself lies in. What is not a regular file, broken links too, has no size.

        Args:
            pattern: Only files that match it, and only folders that can hold such files.

        Raises:
            UserError: A folder cannot be listed, or two names give the same key.
        """
        # Each level: its path ("" or ending in "/"), its identity, names to come.
        levels = [("", _identity(self.root), iter(_names(self.root)))]
        while levels:
            path, _, names = levels[-1]
            name = next(names, None)
            if name is None:
                levels.pop()
                continue
            below = path + name
            if not name.endswith("/"):
                entry = None if pattern and not pattern.matches(below) else self.entry(below)
                if entry is not None:
                    yield entry
            elif pattern is None or pattern.enters(below[:-1]):
                folder = os.path.join(self.root, below)
                identity = _identity(folder)
                if identity is not None and identity not in (level[1] for level in levels):
                    levels.append((below, identity, iter(_names(folder))))

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
        """Read a whole file; what is not a regular file is never opened."""
        path = self.path_of(member.key)
        try:
            info = os.stat(path)
        except OSError as error:
            broken = isinstance(error, FileNotFoundError) and os.path.islink(path)
            return ReadError("unreadable", "the link leads nowhere" if broken else reason(error))
        if not stat.S_ISREG(info.st_mode):
            return ReadError("unsupported", f"not a regular file but a {_kind(info.st_mode)}")
        wrong = over_limit(info.st_size, max_bytes) or changed(member.size, info.st_size)
        if wrong is not None:
            return wrong
        try:
            data = retrying()(Path(path).read_bytes)
        except OSError as error:
            return ReadError("unreadable", reason(error))
        return changed(member.size, len(data)) or data

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


def _identity(folder: str) -> tuple[int, int] | None:
    try:
        info = os.stat(folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unlisted(folder, error) from error
    return info.st_dev, info.st_ino


def _unlisted(folder: str, error: OSError) -> UserError:
    where, why = text_of(folder.rstrip("/")), os.strerror(error.errno or 0).lower()
    return UserError(f"cannot list the folder {where} ({why}): make it readable")


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFIFO: "FIFO",
        stat.S_IFSOCK: "socket",
        stat.S_IFBLK: "device",
        stat.S_IFCHR: "device",
        stat.S_IFDIR: "folder",
    }
    return kinds.get(stat.S_IFMT(mode), "special file")
