"""What to say, and to exit with, where the output cannot be read or written."""

from __future__ import annotations

import errno
from typing import Literal

from jobs.messages.errors import OutputError, OutputNotNowError
from jobs.storage.faults import FULL, is_absent, is_condition, is_denied, said


def output_error(
    what: Literal["read", "write", "reach"], url: str, error: Exception, *, local: bool
) -> OutputError:
    """The error to end with.

    Args:
        what: What was tried.
        url: The output.
        error: What the operating system or the object store says.
        local: Whether the output is on this machine, where a folder that may not be written is no
            matter of the command: its disk may be mounted read-only, or belong to somebody else.
    """
    full = getattr(error, "errno", None) in FULL
    denied = is_denied(error)
    if full:
        cure = "make space"
    elif local and (denied or getattr(error, "errno", None) == errno.EROFS):
        cure = f"make it {what.removesuffix('e')}able"
    elif denied:
        cure = "correct its storage options"
    else:
        cure = "correct the address" if not local and is_absent(error) else "correct that"
    kind = OutputNotNowError if is_condition(error) or (denied and local) else OutputError
    return kind(
        f"cannot {what} the output '{url}' ({said(error)}): {cure} and run the same command again"
    )
