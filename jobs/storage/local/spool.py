"""Where something is written before it is published, so that nobody sees half of it."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path

from jobs.storage.local.durable import make_folder


@contextlib.contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A name for a file in the folder of `target`; what is still there at the end is removed."""
    make_folder(target.parent)
    path = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def is_leftover(name: str) -> bool:
    """Whether a file is called as by `beside`: it is being written, or its writer was killed."""
    return name.startswith(".") and name.endswith(".tmp")
