"""Walking the folders of this machine in the order of the keys, also where links go round."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from jobs.messages.errors import UserError
from jobs.storage.faults import user_error
from jobs.storage.names.file_name import text_of
from jobs.storage.names.pattern import Pattern

_Identity = tuple[int, int]


def walk(root: str, pattern: Pattern | None) -> Iterator[str]:
    """Yields the paths of all files below a folder, relative to it, whatever their types.

    One folder's names are held at a time. Links to folders are followed, except to a folder
    the link itself lies in; in what a link leads to, further links lead to each folder once,
    or a few links could make more paths than there is time. A folder too deep to be listed is
    yielded itself, with a trailing `/`.

    Args:
        root: Absolute path of the folder.
        pattern: Only files that match it, and only folders that can hold such files.

    Raises:
        UserError: A folder cannot be listed, or two names give the same key.
    """
    levels = [_Level("", _identity(root), iter(_names(root)), None)]
    while levels:
        level = levels[-1]
        name = next(level.names, None)
        if name is None:
            levels.pop()
            continue
        below = level.path + name
        if not name.endswith("/"):
            if pattern is None or pattern.matches(below):
                yield below
        elif pattern is None or pattern.enters(below[:-1]):
            try:
                found = _enter(root, below, levels)
            except _TooDeepError:
                yield below
            else:
                levels += [found] if found else []


@dataclass(frozen=True)
class _Level:
    """A folder that is being walked.

    Attributes:
        path: Path below the root, "" or ending in "/".
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


def _enter(root: str, below: str, levels: list[_Level]) -> _Level | None:
    """A folder below the last level, unless it is one that has been entered on the way."""
    folder = os.path.join(root, below)
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
            raise UserError(f"two files both have the key '{where}': rename one of them")
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
    return user_error(f"cannot list the folder '{where}' ({why}): make it readable", error)
