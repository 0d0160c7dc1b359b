"""How fast faces become files: `python -m tests.export_speed FACES FOLDER`.

FACES is an output of `extract`, or a feed; FOLDER is where the exports go, and is to be on the disk
that is meant. Each format, three times in turn, by one worker in this process, without Ray: faces
in a second of the worker, reading, writing and committing included, and of its processor time.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from jobs.engine.driver import working
from jobs.export.formats.known import FORMATS
from jobs.export.kind import EXPORT
from jobs.kind.loading import load
from jobs.kind.run import run_job
from tests.jobs.engine.retries import run_here

ROUNDS = 3


class Timed:
    """The worker in this process, and what it has taken.

    Attributes:
        wall: Seconds.
        cpu: Seconds of processor time.
    """

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    def __call__(self, *arguments: Any) -> Iterator[Any]:
        results = run_here(*arguments)
        while True:
            wall, cpu = time.monotonic(), time.process_time()
            result = next(results, None)
            self.wall += time.monotonic() - wall
            self.cpu += time.process_time() - cpu
            if result is None:
                return
            yield result


def exported(source: str, output: Path, format_: str) -> tuple[float, float, float]:
    """Faces a second, the same of processor time, and seconds of the driver besides."""
    shutil.rmtree(output, ignore_errors=True)
    timed = Timed()
    working.dispatched = timed  # type: ignore[assignment]
    config = load(EXPORT.config, None, {"export.format": format_, "run.min_free_bytes": 0})
    began = time.monotonic()
    count = run_job(EXPORT, source, str(output), config).processed
    whole = time.monotonic() - began
    return count / timed.wall, count / timed.cpu, whole - timed.wall


def main(source: str, folder: Path) -> None:
    """Prints a line a format, medians."""
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in FORMATS}
    for _ in range(ROUNDS):
        for name, times in found.items():
            times.append(exported(source, folder / name, name))
    for name, times in found.items():
        rate, core, driver = (median(values) for values in zip(*times, strict=True))
        print(
            f"{name:12} {rate:7,.0f} faces/s, {core:7,.0f} a second of processor time; "
            f"driver {driver:.1f} s"
        )


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
