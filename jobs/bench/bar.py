"""A progress bar that stands still while something is timed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress

T = TypeVar("T")


def track(items: Sequence[T], what: str) -> Iterator[T]:
    """Yields the items, with a bar on standard error if that is a terminal.

    Drawn between items only: a thread that draws would take time from what is measured.

    Args:
        items: What is worked on.
        what: What is done with them.
    """
    if not sys.stderr.isatty():
        yield from items
        return
    with Progress(console=Console(stderr=True), transient=True, auto_refresh=False) as bar:
        yield from bar.track(items, description=what)
