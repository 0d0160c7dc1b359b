"""The command with a decoder that some photos are poison to: `python -m tests.system.poison`."""

from __future__ import annotations

import ctypes
import itertools
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import jobs.extract.job
import jobs.photos.decode
from jobs.cli import main
from jobs.extract.extractor import Extractor
from mtcnn_core.stopwatch import Stopwatch


def _spin() -> None:
    while True:
        pass


def _eat() -> None:
    eaten = []
    while True:
        eaten.append(b"x" * 2**24)


def _bug() -> None:
    raise ZeroDivisionError("a bug in the decoder")


# By the stem of the photo's name.
DEEDS: dict[str, Callable[[], Any]] = {
    "segfault": lambda: ctypes.string_at(0),
    "abort": os.abort,
    "spin": _spin,
    "hold": lambda: deque(itertools.repeat(0), maxlen=0),  # and keeps the interpreter's lock
    "eat": _eat,
    "bug": _bug,
}


@dataclass(frozen=True)
class PoisonedJob(jobs.extract.job.ExtractJob):
    """Decodes as the real one does, except for photos called after a deed."""

    def start(self, time: Stopwatch | None = None) -> Extractor:
        decode = jobs.photos.decode.read_photo

        def poisoned(data: bytes, *, name: str, **more: Any) -> Any:
            DEEDS.get(PurePosixPath(name).stem, lambda: None)()
            return decode(data, name=name, **more)

        jobs.photos.decode.read_photo = poisoned
        return super().start(time)


if __name__ == "__main__":
    # By its name in this module, as workers import it.
    from tests.system.poison import PoisonedJob as Importable

    jobs.extract.job.ExtractJob = Importable  # type: ignore[misc]
    main()
