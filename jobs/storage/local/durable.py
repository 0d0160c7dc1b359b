"""Files and folders of this machine that are still there when the power has failed."""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections.abc import Iterable
from pathlib import Path

_NO_LINKS = frozenset(
    {errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV}
)


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it, as far as they are not there."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        new.mkdir(exist_ok=True)
        sync(new.parent)  # a folder is an entry of the one above


def move(file: Path, target: Path) -> None:
    """Makes a file appear under another name in its folder, whole or not at all."""
    sync(file)
    os.replace(file, target)
    sync(target.parent)


def unfinished(name: str) -> str:
    """What a file is called until it is whole; no two are called the same."""
    return f".{name}.{uuid.uuid4().hex}.tmp"


def write_all(files: Iterable[tuple[str, bytes]]) -> None:
    """Makes many files appear, each whole or not at all, also when the process is killed.

    The disk is waited for once rather than for each: if the power fails before this returns, some
    of them may be empty or shorter.
    """
    folders = set()
    for path, data in files:
        folder, name = os.path.split(path)
        if folder not in folders:
            os.makedirs(folder, exist_ok=True)
            folders.add(folder)
        temporary = os.path.join(folder, unfinished(name))
        try:
            with open(temporary, "wb") as file:
                file.write(data)
            os.replace(temporary, path)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    os.sync()


def link(file: Path, target: Path) -> bool:
    """Makes a file appear under a name that is free, whole or not at all; its old name stays.

    Returns:
        Whether the file system itself refuses a name that is taken. Where it has no hard links
        it is only looked whether the name is free.

    Raises:
        FileExistsError: The name is taken.
    """
    sync(file)
    atomic = True
    try:
        os.link(file, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if target.exists():
            raise FileExistsError(errno.EEXIST, "the name is taken", str(target)) from error
        os.replace(file, target)
        atomic = False
    sync(target.parent)
    return atomic


def remove(files: Iterable[Path]) -> None:
    """Removes files of one or more folders, as far as they are there."""
    folders = set()
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            file.unlink()
            folders.add(file.parent)
    for folder in folders:
        sync(folder)


def prune(folder: Path) -> None:
    """Removes the folders below a folder that hold nothing, and itself if it holds nothing."""
    for path, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):  # something is in it
            os.rmdir(path)


def sync(path: Path) -> None:
    """Returns when the content of a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
