"""A file to upload, on this machine, that nothing is left of whatever happens."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

_OPEN_FILES = Path("/proc/self/fd")


@contextlib.contextmanager
def unnamed() -> Iterator[Path]:
    """An empty file in the temporary folder that is gone at the end, also of a killed process.

    Where a system cannot open a file that has no name, it has one, and outlives such a process.
    """
    kind = tempfile.TemporaryFile if _OPEN_FILES.is_dir() else tempfile.NamedTemporaryFile
    with kind(prefix="mtcnn-ray-") as file:
        yield Path(name_of(file))


def name_of(file: IO[Any]) -> str:
    """What an open file can be opened by again in this process, also if it has no name."""
    return str(_OPEN_FILES / str(file.fileno())) if _OPEN_FILES.is_dir() else str(file.name)
