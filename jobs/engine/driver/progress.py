"""Progress: a bar on a terminal, a line now and then elsewhere, and Ray metrics."""

from __future__ import annotations

import sys
import time
from collections import deque
from types import TracebackType
from typing import Any, TextIO

from ray.util.metrics import Counter
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from jobs.engine.job import Labels
from jobs.engine.reports import ShardFailure, ShardReport
from jobs.messages.credentials import redacted
from jobs.messages.plain_text import plain

# Rates are over the last minutes: the first shards are small and the caches cold.
_RATE_OVER_S = 300.0
_RATE_STEP_S = 1.0
_GIVEN_UP_LINES = 20


class Reporter:
    """Tells how far a run is, on standard error.

    Args:
        labels: What the job calls things.
        line_every_s: Seconds between lines where there is no terminal.
        stream: Where to; None is standard error.
    """

    def __init__(self, labels: Labels, line_every_s: float, stream: TextIO | None = None) -> None:
        """Shows nothing yet."""
        self._labels = labels
        self._line_every_s = line_every_s
        self._stream = stream or sys.stderr
        self._done = self._failed = self._rows = self._quarantined = 0
        self._total: int | None = 0
        self._bytes = self._total_bytes = 0
        self._workers = 0
        self._times: deque[tuple[float, int, int]] = deque()  # when, items, bytes
        self._next_line = time.monotonic() + line_every_s
        self._bar: Progress | None = None
        self._task: Any = None
        self._counters: dict[str, Counter] = {}

    def __enter__(self) -> Reporter:
        if self._stream.isatty():
            console = Console(file=self._stream)
            self._bar = Progress(
                TextColumn("{task.description}"), BarColumn(), console=console, transient=True
            )
            self._task = self._bar.add_task("starting", total=None)
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
        if self._times:
            self._print(self._text(running=False))

    def listed(self, count: int) -> None:
        """The listing of the input has come to `count` members."""
        self._show(f"{count:,} {self._labels.members} listed")

    def begin(self, members: int | None, total_bytes: int) -> None:
        """A run, or another stretch of it, begins; Ray is up.

        Args:
            members: Items to come; None where only reading them tells.
            total_bytes: Bytes to come, as far as they are known.
        """
        is_known = members is not None and self._total is not None
        self._total = self._done + (members or 0) if is_known else None
        self._total_bytes = self._bytes + total_bytes
        self._times.append((time.monotonic(), 0, 0))
        for name, what in {
            "members": self._labels.members,
            "failed": f"failed {self._labels.members}",
            "rows": self._labels.rows or "other rows",
            "bytes": "input bytes",
        }.items():
            self._counters[name] = Counter(f"mtcnn_ray_{name}", f"{what} done by this run")

    def committed(self, report: ShardReport) -> None:
        """A shard is done."""
        rows = sum(n for name, n in report.rows.items() if name != report.primary)
        self._done += report.members
        self._failed += report.failed
        self._rows += rows
        self._bytes += report.bytes
        if time.monotonic() > self._times[-1][0] + _RATE_STEP_S or len(self._times) == 1:
            self._times.append((time.monotonic(), self._done, self._bytes))
        counts = {
            "members": report.members,
            "failed": report.failed,
            "rows": rows,
            "bytes": report.bytes,
        }
        for name, count in counts.items():
            if count:
                self._counters[name].inc(count)

    def given_up(self, failure: ShardFailure) -> None:
        """A shard goes into quarantine: said at once, as long as that is not too often."""
        self._quarantined += 1
        if self._quarantined > _GIVEN_UP_LINES:
            return
        where = "" if failure.key is None else f" at '{failure.key}'"
        line = f"shard {failure.shard} was given up{where}: {redacted(failure.reason)}"
        self._say(f"{plain(line)}; see _job/quarantine/{failure.shard}.json")

    def tick(self, workers: int) -> None:
        """Shows the state, if it is time to."""
        self._workers = workers
        self._show(self._text())

    def _show(self, text: str) -> None:
        if self._bar is not None:
            done, total = self._parts()
            self._bar.update(self._task, description=text, total=total or None, completed=done)
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + self._line_every_s
            self._print(text)

    def _say(self, text: str) -> None:
        """A line that stays, also above a bar."""
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            self._print(text)

    def _print(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    def _text(self, running: bool = True) -> str:
        done, total = self._parts()
        if self._total is None:
            share = f" ({done / total:.0%} of the input)" if total else ""
            parts = [f"{self._done:,} {self._labels.members}{share}"]
        else:
            parts = [f"{self._done:,} of {self._total:,} {self._labels.members}"]
        if self._labels.rows:
            parts.append(f"{self._rows:,} {self._labels.rows}")
        parts.append(f"{self._failed:,} failed")
        if self._quarantined:
            parts.append(f"{self._quarantined:,} in quarantine")
        item_rate, byte_rate = self._rates()
        if item_rate:
            parts.append(f"{item_rate:,.1f} {self._labels.members}/s")
        rate = byte_rate if self._total is None else item_rate
        if rate and running:
            parts.append(f"{_duration((total - done) / rate)} left")
        if running:
            parts.append(f"{self._workers} workers")
        return ", ".join(parts)

    def _parts(self) -> tuple[int, int]:
        """What is done of how much: in items, or in bytes where their number is not known."""
        if self._total is None:
            return self._bytes, self._total_bytes
        return self._done, self._total

    def _rates(self) -> tuple[float, float]:
        """Items and bytes a second."""
        now = time.monotonic()
        while len(self._times) > 2 and self._times[1][0] < now - _RATE_OVER_S:
            self._times.popleft()
        if not self._done:
            return 0.0, 0.0
        since, items, size = self._times[0]
        seconds = max(now - since, 1e-3)
        return (self._done - items) / seconds, (self._bytes - size) / seconds


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
