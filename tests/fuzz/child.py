"""The process that inputs are tried in: `python -m tests.fuzz.child MODULE:FUNCTION`.

Each input comes on stdin, eight bytes of length before it; each verdict goes to what was stdout, a
line of peak memory, kind and text. stdout and stderr themselves become a file, and what is written
to that is a finding.
"""

from __future__ import annotations

import importlib
import logging
import os
import re
import struct
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import psutil

_STATUS = Path("/proc/self/status")
_MOST_TEXT = 300


def peak() -> int:
    """Most bytes that this process ever had; those that it has now where there is no /proc."""
    if not _STATUS.exists():
        return int(psutil.Process().memory_info().rss)
    found = re.search(rb"VmHWM:\s*(\d+) kB", _STATUS.read_bytes())
    assert found
    return int(found[1]) << 10


def verdict(function: Callable[[bytes], str | None], data: bytes, printed: BinaryIO) -> str:
    """Tries one input, and says what is wrong with it: `kind`, tab, `text`."""
    kind, text = "", ""
    try:
        wrong = function(data)
        if wrong:
            kind, text = "wrong", wrong
    except MemoryError:
        kind, text = "memory", "MemoryError"
    except Exception as error:
        kind, text = "exception", repr(error)
    sys.stdout.flush()
    sys.stderr.flush()
    if not kind and os.fstat(printed.fileno()).st_size:
        printed.seek(0)
        kind, text = "printed", printed.read(_MOST_TEXT).decode("utf-8", "replace")
    os.ftruncate(printed.fileno(), 0)
    printed.seek(0)
    return f"{kind}\t{' '.join(text.split())[:_MOST_TEXT]}"


def main(target: str) -> None:
    reply = os.fdopen(os.dup(1), "wb", buffering=0)
    module, _, name = target.partition(":")
    function = getattr(importlib.import_module(module), name)
    warnings.simplefilter("always")
    logging.disable()  # what is said to people is no finding
    with tempfile.TemporaryFile() as printed:
        os.dup2(printed.fileno(), 1)
        os.dup2(printed.fileno(), 2)
        reply.write(b"ready %d\n" % peak())
        while head := sys.stdin.buffer.read(8):
            data = sys.stdin.buffer.read(*struct.unpack(">Q", head))
            line = verdict(function, data, printed)
            reply.write(f"{peak()}\t{line}\n".encode("utf-8", "replace"))


if __name__ == "__main__":
    main(sys.argv[1])
