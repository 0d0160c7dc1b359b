"""What weights are called; imports nothing, so that settings can be read without NumPy."""

from __future__ import annotations

import os
import re
from pathlib import Path

ORIGINAL = "original"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def is_name(name: str) -> bool:
    """Whether this is the name of a model, rather than the path of one."""
    return bool(NAME.fullmatch(name)) and not name.endswith(".npz")


def by_place(name: str) -> str:
    """Returns a name as it is and a path from the root, so that it means the same everywhere."""
    return name if is_name(name) else str(Path(os.path.expanduser(name)).absolute())
