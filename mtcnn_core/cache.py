"""The per-user cache folder: built graphs, machine code and demo photos."""

from __future__ import annotations

import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from platformdirs import user_cache_dir

ENVIRONMENT_VARIABLE = "MTCNN_RAY_CACHE"
_MEMBER = "data"


def cache_dir() -> Path | None:
    """Returns the folder for files that can be rebuilt at any time; it may not exist yet.

    ``MTCNN_RAY_CACHE`` overrides the platform's per-user cache folder, which a user without a home
    does not have.
    """
    override = os.environ.get(ENVIRONMENT_VARIABLE)
    if override:
        return Path(os.path.expanduser(override))
    try:
        folder = Path(user_cache_dir("mtcnn-ray"))
    except RuntimeError:  # platformdirs, of a user that is not known, and no HOME
        return None
    return folder if folder.is_absolute() else None  # earlier versions leave the ~ in it


def cached(name: str, build: Callable[[], bytes]) -> bytes:
    """Returns the contents of a cached file, or builds and keeps them.

    A cached file is a zip with one member, whose checksum is verified on reading: a damaged file
    is rebuilt. Files appear whole under their final name, so processes that build at the same
    time replace each other's equal files. A cache that cannot be written is done without.

    Args:
        name: Path of the file in the cache folder.
        build: What it should contain.
    """
    folder = cache_dir()
    found = None if folder is None else _read(folder / name)
    if found is None:
        found = build()
        if folder is not None:
            _write(folder / name, found)
    return found


def _read(path: Path) -> bytes | None:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(_MEMBER)
    except FileNotFoundError:
        return None
    # What zipfile raises for damage depends on the byte that is damaged.
    except (OSError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return None


def _write(path: Path, data: bytes) -> None:
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
        with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w") as archive:
            archive.writestr(zipfile.ZipInfo(_MEMBER), data)
        os.replace(temporary, path)
    except OSError:  # read-only home, full disk: what is in hand is all that is needed
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
