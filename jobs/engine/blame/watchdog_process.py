"""The process that watches a worker: how long it takes, and how much memory."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import select
import signal
import sys
import threading
import time
from dataclasses import dataclass

import psutil

from jobs.engine.blame.watchdog import STACKS_SIGNAL, Limits, State

# Code that eats memory gets a gigabyte or so in a second.
_LOOK_S = 0.1
# A reader that has used less of the processor than this is waiting, not inflating or skipping.
_IDLE = 0.05
# The stacks are written within this, or never.
_STACKS_S = 0.3
_STACKS_BYTES = 32_000
# Storage may be what is stuck.
_TRACE_S = 10.0


@dataclass(frozen=True)
class Verdict:
    """Why a worker has to end.

    Attributes:
        status: What the item in hand becomes if it is to blame.
        reason: Why, as a clause for people.
    """

    status: str
    reason: str


class Watch:
    """What is known of the worker.

    Args:
        worker: Its process; None if it is gone.
        limits: What it may take.
    """

    def __init__(self, worker: psutil.Process | None, limits: Limits) -> None:
        self.state = State()
        self._worker = worker
        self._limits = limits
        self._since, self._cpu = time.monotonic(), 0.0

    def take(self, state: State) -> None:
        """Takes note of what the worker says; its time starts again."""
        self.state = state
        self._since, self._cpu = time.monotonic(), self._cpu_seconds()

    def verdict(self) -> Verdict | None:
        """Why the worker has to end now, if it has to."""
        limits, took = self._limits, time.monotonic() - self._since
        if limits.max_bytes is not None and self._resident_bytes() > limits.max_bytes:
            most = f"{limits.max_bytes / 2**20:,.0f} MiB"
            return Verdict("crashed", f"the worker held more than {most} of memory")
        if self.state.phase == "item" and took > limits.item_s:
            return Verdict("timeout", f"an item took longer than {limits.item_s:g} s")
        if self.state.phase == "reading" and took > limits.stall_s:
            if self._cpu_seconds() - self._cpu < _IDLE * took:
                return Verdict("timeout", f"nothing was read for {limits.stall_s:g} s")
            self._since, self._cpu = time.monotonic(), self._cpu_seconds()
        return None

    def _resident_bytes(self) -> int:
        with contextlib.suppress(psutil.NoSuchProcess):
            return self._worker.memory_info().rss if self._worker else 0
        return 0

    def _cpu_seconds(self) -> float:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = self._worker.cpu_times() if self._worker else None
            return float(times.user + times.system) if times else 0.0
        return 0.0


def main() -> None:
    """Watches until the worker ends, or ends it."""
    # Ctrl-C goes to the whole foreground group, and is the driver's to deal with.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stacks = int(sys.argv[1])
    try:
        pid, url, options, limits = pickle.loads(_read(int.from_bytes(_read(8), "big")))
    except EOFError:  # the worker ended before it had said so much
        return
    try:
        worker = psutil.Process(pid)
    except psutil.NoSuchProcess:  # it crashed at once, and may still have left its stacks
        worker = None
    watch = Watch(worker, limits)
    verdict = _watched(watch)
    if worker and verdict:
        with contextlib.suppress(psutil.NoSuchProcess):
            worker.send_signal(STACKS_SIGNAL)
            time.sleep(_STACKS_S)
            worker.suspend()
    where = os.pread(stacks, _STACKS_BYTES, 0).decode(errors="replace")
    if where or verdict:
        # On a thread of its own, since it may hang.
        trace = threading.Thread(
            target=_leave_trace, args=(url, options, watch.state, verdict, where), daemon=True
        )
        trace.start()
        trace.join(_TRACE_S)
    if worker and verdict:
        with contextlib.suppress(psutil.NoSuchProcess):
            worker.kill()


def _watched(watch: Watch) -> Verdict | None:
    """Why the worker has to end; None if it ended by itself."""
    pending = b""
    # What the worker says does not wake this, only its end: to be woken twice a photo took 0.4 ms
    # a photo of the core that both share.
    end = select.poll()
    end.register(0, 0)
    os.set_blocking(0, False)
    while True:
        ended = bool(end.poll(_LOOK_S * 1000))
        *lines, pending = (pending + _said()).split(b"\n")
        if lines:
            watch.take(State(**json.loads(lines[-1])))
        if ended:
            return None
        if (verdict := watch.verdict()) is not None:
            return verdict


def _said() -> bytes:
    """All that is in the pipe."""
    try:
        return os.read(0, 1 << 16)
    except BlockingIOError:
        return b""


def _leave_trace(
    url: str, options: dict[str, object], state: State, verdict: Verdict | None, where: str
) -> None:
    from jobs.engine.blame.traces import leave_trace
    from jobs.engine.shards import Trace
    from jobs.storage.storage import Storage

    if state.shard is None:
        return
    found = verdict or Verdict("crashed", "the worker crashed")
    trace = Trace(
        attempt=state.attempt,
        item=state.item,
        key=state.key,
        cleared=state.cleared,
        status=found.status,
        reason=found.reason,
        details=where,
    )
    leave_trace(Storage(url, options), state.shard, state.run, trace)


def _read(size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = os.read(0, size - len(data))
        if not more:
            raise EOFError
        data += more
    return data
