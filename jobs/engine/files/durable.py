"""Files and folders of this machine that are still there when the power has failed."""

from __future__ import annotations

import os
from pathlib import Path


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


def remove(file: Path) -> None:
    """Removes a file.

    Raises:
        FileNotFoundError: There is none.
    """
    file.unlink()
    sync(file.parent)


def sync(path: Path) -> None:
    """Returns when the content of a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
