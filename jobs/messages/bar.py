"""How far a long command is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TextIO

from rich.console import Console
from rich.progress import Progress


@contextlib.contextmanager
def bar(
    doing: str, things: str, total: int, *, line_every_s: float = 30.0, stream: TextIO | None = None
) -> Iterator[Callable[[int], None]]:
    """Shows progress on standard error; yields what makes it advance by so many.

    Args:
        doing: What is going on, as in "verifying".
        things: What is counted, as in "shards".
        total: How many there are.
        line_every_s: Seconds between lines where there is no terminal.
        stream: Where to; None is standard error.
    """
    stream = stream or sys.stderr
    if stream.isatty():
        with Progress(console=Console(file=stream), transient=True) as shown:
            task = shown.add_task(doing, total=total)
            yield lambda count: shown.advance(task, count)
        return
    done, next_line = 0, time.monotonic() + line_every_s

    def advance(count: int) -> None:
        nonlocal done, next_line
        done += count
        if time.monotonic() >= next_line:
            next_line = time.monotonic() + line_every_s
            print(f"{doing}: {done:,} of {total:,} {things}", file=stream, flush=True)

    yield advance
