"""Where something is written before it is published, so that nobody sees half of it."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from jobs.storage.local.durable import make_folder, unfinished
from jobs.storage.temporary import temporary_folder

_OPEN_FILES = Path("/proc/self/fd")


@contextlib.contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A name for a file in the folder of `target`; what is still there at the end is removed."""
    make_folder(target.parent)
    path = target.with_name(unfinished(target.name))
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def is_leftover(name: str) -> bool:
    """Whether a file is called as by `beside`: it is being written, or its writer was killed."""
    return name.startswith(".") and name.endswith(".tmp")


@contextlib.contextmanager
def unnamed() -> Iterator[Path]:
    """An empty file in the temporary folder that is gone at the end, also of a killed process.

    Where a system cannot open a file that has no name, it has one, and outlives such a process.
    """
    kind = tempfile.TemporaryFile if _OPEN_FILES.is_dir() else tempfile.NamedTemporaryFile
    with kind(prefix="mtcnn-ray-", dir=temporary_folder()) as file:
        yield Path(name_of(file))


def name_of(file: IO[Any]) -> str:
    """What an open file can be opened by again in this process, also if it has no name."""
    return str(_OPEN_FILES / str(file.fileno())) if _OPEN_FILES.is_dir() else str(file.name)
