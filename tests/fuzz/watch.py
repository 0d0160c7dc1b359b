"""Feeds inputs to a function in a child process, and notes whatever it should not have done.

    found = watch("tests.fuzz.decode:check", inputs, limits=Limits())

The function takes bytes and returns None, or a sentence on what is wrong. An exception that leaves
it, a crash of the process, too much time or memory, and anything written to stdout or stderr are
findings as well. The child is started anew after those that it does not survive.
"""

from __future__ import annotations

import struct
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector

import psutil

_ROOT = Path(__file__).resolve().parents[2]
_POLL_S = 0.02
_START_S = 120.0


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one input may cost.

    Attributes:
        seconds: Of CPU; six times as many on the clock, for those that wait for ever.
        memory: Bytes that the child may hold beyond what it held before its first input.
    """

    seconds: float = 10.0
    memory: int = 256 << 20


@dataclass(frozen=True)
class Finding:
    """One input that something is wrong with.

    Attributes:
        index: Its place among the inputs.
        name: The name it came with.
        data: The input.
        kind: `wrong`, `exception`, `printed`, `memory`, `hang` or `crash`.
        text: What exactly.
    """

    index: int
    name: str
    data: bytes
    kind: str
    text: str


def watch(
    target: str, inputs: Iterable[tuple[str, bytes]], *, limits: Limits | None = None
) -> Iterator[Finding]:
    """Yields the findings, as they are found.

    Args:
        target: `module:function`, imported by the child.
        inputs: Names and bytes.
        limits: For every input alike.
    """
    child: _Child | None = None
    try:
        for index, (name, data) in enumerate(inputs):
            if child is None:
                child = _Child(target, limits or Limits())
            kind, text = child.judge(data)
            if kind:
                yield Finding(index, name, data, kind, text)
            if kind in ("memory", "hang", "crash"):
                child.end()
                child = None
    finally:
        if child is not None:
            child.end()


class _Child:
    def __init__(self, target: str, limits: Limits) -> None:
        self._limits = limits
        self._process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-m", "tests.fuzz.child", target],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._usage = psutil.Process(self._process.pid)
        assert self._process.stdin is not None and self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout
        self._selector = DefaultSelector()
        self._selector.register(self._from, EVENT_READ)
        # The first reply says that it is ready, and how much memory it has.
        if not self._selector.select(_START_S):
            self.end()
            raise RuntimeError(f"{target} was not imported within {_START_S:.0f} s")
        ready = self._line()
        if not ready.startswith("ready "):
            self.end()
            raise RuntimeError(f"{target} cannot be imported: {ready}")
        self._base = int(ready.split()[1])

    def judge(self, data: bytes) -> tuple[str, str]:
        """Has one input judged; two empty strings where nothing is wrong with it."""
        began, busy = time.monotonic(), self._busy()
        try:
            self._to.write(struct.pack(">Q", len(data)) + data)
            self._to.flush()
        except BrokenPipeError:
            return "crash", f"exit code {self._process.wait()}"
        while not self._selector.select(_POLL_S):
            try:
                too_much, busy_for = self._memory(self._rss()), self._busy() - busy
            except psutil.Error:  # it has just died; the pipe says so next
                continue
            if too_much:
                return "memory", too_much
            if busy_for > self._limits.seconds:
                return "hang", f"over {self._limits.seconds:g} s of CPU"
            if time.monotonic() - began > 6 * self._limits.seconds:
                return "hang", f"over {6 * self._limits.seconds:g} s"
        line = self._line()
        if not line:
            return "crash", f"exit code {self._process.wait()}"
        peak, kind, text = line.split("\t", 2)
        too_much = self._memory(int(peak))
        return ("memory", too_much) if too_much else (kind, text)

    def end(self) -> None:
        self._selector.close()
        self._process.kill()
        self._process.wait()
        self._from.close()
        with suppress(BrokenPipeError):  # what was not sent is of no use to the dead
            self._to.close()

    def _line(self) -> str:
        return self._from.readline().decode("utf-8", "replace").rstrip("\n")

    def _memory(self, held: int) -> str:
        more = held - self._base
        return f"{more >> 20} MiB" if more > self._limits.memory else ""

    def _busy(self) -> float:
        times = self._usage.cpu_times()
        return times.user + times.system

    def _rss(self) -> int:
        return int(self._usage.memory_info().rss)
