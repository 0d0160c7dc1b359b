"""Temporary files of this machine, in the folder that TMPDIR names."""

from __future__ import annotations

import tempfile
from typing import BinaryIO, cast

from jobs.messages.errors import NotNowError


def temporary_folder() -> str:
    """The folder that temporary files are written to.

    Raises:
        NotNowError: None can be written.
    """
    try:
        return tempfile.gettempdir()
    except FileNotFoundError as error:
        raise NotNowError(
            "there is no folder for temporary files that can be written: "
            "set TMPDIR to one, and make room there"
        ) from error


def temporary_file(buffering: int = -1) -> BinaryIO:
    """An empty file without a name, which is gone when it is closed; raises as the folder does."""
    return cast(BinaryIO, tempfile.TemporaryFile(buffering=buffering, dir=temporary_folder()))


def temporary_directory(prefix: str) -> tempfile.TemporaryDirectory[str]:
    """A folder for a block, gone at its end; raises as the folder of all does."""
    return tempfile.TemporaryDirectory(prefix=prefix, dir=temporary_folder())
