"""How far a training is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from jobs.training.log import Stretch


class TrainingProgress:
    """Shows a training on standard error.

    Args:
        total: Steps in all.
        line_every_s: Seconds between lines where there is no terminal.
        stream: Where to; None is standard error.
    """

    def __init__(self, total: int, line_every_s: float, stream: TextIO | None = None) -> None:
        self._total = total
        self._began = time.monotonic()
        self._first: int | None = None
        self._line_every_s = line_every_s
        self._next_line = self._began + line_every_s
        self._stream = stream or sys.stderr
        self._bar: Progress | None = None
        self._task: Any = None
        self._trial = ""

    def __enter__(self) -> TrainingProgress:
        if self._stream.isatty():
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                console=Console(file=self._stream),
                transient=True,
            )
            self._task = self._bar.add_task("starting", total=self._total)
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, row: Stretch, crops_per_s: float, trial: str = "") -> None:
        """Shows a stretch, if it is time to; one that ends with a trial always.

        Args:
            row: The stretch.
            crops_per_s: Crops a second in it.
            trial: What a trial at its end has shown, as a clause; empty if there was none.
        """
        self._trial = f", {trial}" if trial else self._trial
        if self._first is None:  # what was done before this run is not known until now
            self._first, self._began = row.step, time.monotonic()
        text = self._text(row, crops_per_s)
        if self._bar is not None:
            self._bar.update(self._task, description=text, completed=row.step)
        elif trial or time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + self._line_every_s
            print(text, file=self._stream, flush=True)

    def _text(self, row: Stretch, crops_per_s: float) -> str:
        text = (
            f"{row.step:,} of {self._total:,} steps, loss {row.loss:.4f}{self._trial}, "
            f"{crops_per_s:,.0f} crops/s"
        )
        steps = row.step - (self._first or 0)
        if not steps:
            return text
        left = (self._total - row.step) * (time.monotonic() - self._began) / steps
        minutes, seconds = divmod(round(left), 60)
        hours, minutes = divmod(minutes, 60)
        time_left = f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s"
        return f"{text}, {time_left} left"
