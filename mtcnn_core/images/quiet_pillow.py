"""Keeps Pillow, and libtiff within it, from printing and from warning."""

import ctypes
import logging
import re
import warnings
from functools import cache
from threading import Lock
from types import TracebackType
from typing import cast

from PIL import _imaging

# Pillow reports some damage to a logger that prints to stderr where nobody has configured logging.
logging.getLogger("PIL").addHandler(logging.NullHandler())


@cache
def silence_libtiff() -> None:
    """Stops libtiff printing errors to stderr, as Pillow itself stops it printing warnings."""
    set_handler = getattr(ctypes.CDLL(_imaging.__file__), "TIFFSetErrorHandler", None)
    if set_handler is not None:  # absent where Pillow was linked statically
        set_handler.restype = ctypes.c_void_p
        set_handler(None)


class _QuietPillow:
    """Drops Pillow's warnings while at least one thread is inside.

    `warnings.catch_warnings` is not for threads: one that leaves late undoes what others have set.
    This adds one entry to the filters and takes only that one away.
    """

    _entry = ("ignore", None, Warning, re.compile(r"PIL\."), 0)

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0

    def __enter__(self) -> None:
        filters = cast("list[object]", warnings.filters)
        with self._lock:
            self._inside += 1
            if filters[:1] != [self._entry]:
                filters.insert(0, self._entry)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        filters = cast("list[object]", warnings.filters)
        with self._lock:
            self._inside -= 1
            while not self._inside and self._entry in filters:
                filters.remove(self._entry)


quiet_pillow = _QuietPillow()
"""Drops Pillow's warnings within a `with` block, in any number of threads."""
