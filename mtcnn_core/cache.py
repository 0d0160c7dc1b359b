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


def cache_dir() -> Path:
    """Returns the folder for files that can be rebuilt at any time; it may not exist yet.

    ``MTCNN_RAY_CACHE`` overrides the platform's per-user cache folder.
    """
    override = os.environ.get(ENVIRONMENT_VARIABLE)
    return Path(override).expanduser() if override else Path(user_cache_dir("mtcnn-ray"))


def cached(path: Path, build: Callable[[], bytes]) -> bytes:
    """Returns the contents of a cached file, or builds and keeps them.

    A cached file is a zip with one member, whose checksum is verified on reading: a damaged file
    is rebuilt. Files appear whole under their final name, so processes that build at the same
    time replace each other's equal files. A cache that cannot be written is done without.

    Args:
        path: The file.
        build: What it should contain.
    """
    found = _read(path)
    if found is None:
        found = build()
        _write(path, found)
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
