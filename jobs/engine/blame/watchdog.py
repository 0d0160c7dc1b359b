"""The watchdog of a worker, as the worker holds it: told what goes on, never waited for."""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import pickle
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import Literal

from jobs.storage.storage import Storage
from jobs.storage.temporary import temporary_file

# Dumps the stacks of all threads; neither Ray nor the libraries of a job use it.
STACKS_SIGNAL = signal.SIGUSR2


@dataclass(frozen=True)
class Limits:
    """What a worker may take before it is ended.

    Attributes:
        item_s: Seconds over one item, once it is read.
        stall_s: Seconds over reading without an item and without using the processor.
        max_bytes: Resident memory; None is no limit.
    """

    item_s: float
    stall_s: float
    max_bytes: int | None


@dataclass(frozen=True)
class State:
    """What a worker is doing.

    Attributes:
        phase: "reading" from a source, busy with an "item" that is read, or neither. Writing to
            storage is neither, since that has deadlines of its own.
        shard: The shard it has, if it has one.
        run: Identifier of the run.
        attempt: Which attempt at that it is.
        item: Index of the item to blame if it ends badly; None where it is not known.
        key: Key of that item.
        cleared: Whether the shard's suspect was tried alone and the worker lived on.
    """

    phase: Literal["reading", "item", "neither"] = "neither"
    shard: str | None = None
    run: str = ""
    attempt: int = 0
    item: int | None = None
    key: str | None = None
    cleared: bool = False


class Watchdog:
    """A process that ends this one when it takes too long or too much memory.

    It is a process, because code that spins while it holds the interpreter's lock stops every
    thread of its own process, and because memory can be gone within a second.

    Args:
        storage: Where it leaves a trace of what it ended.
        limits: When it does.
    """

    def __init__(self, storage: Storage, limits: Limits) -> None:
        """Starts the process that watches."""
        self._orders = pickle.dumps((os.getpid(), storage.url, storage.options, limits))
        # Without a name, so that nothing is left of it.
        self._stacks = temporary_file(buffering=0)
        faulthandler.enable(self._stacks, all_threads=True)
        faulthandler.register(STACKS_SIGNAL, self._stacks, all_threads=True)
        self._start()

    def tell(self, state: State) -> None:
        """Tells the watchdog what goes on from now; starts it again if it is gone."""
        line = json.dumps(vars(state)).encode() + b"\n"
        try:
            self._write(line)
        except BrokenPipeError:
            self._process.wait()
            self._start()
            self._write(line)

    def close(self) -> None:
        """Ends the watchdog."""
        with contextlib.suppress(BrokenPipeError):
            os.close(self._pipe)
        self._process.wait()
        faulthandler.unregister(STACKS_SIGNAL)
        self._stacks.close()

    def _start(self) -> None:
        reading, self._pipe = os.pipe()
        stacks = self._stacks.fileno()
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "jobs.engine.blame.watchdog_process", str(stacks)],
            stdin=reading,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            pass_fds=[stacks],
        )
        os.close(reading)
        self._write(len(self._orders).to_bytes(8, "big") + self._orders)

    def _write(self, data: bytes) -> None:
        # All of it: a pipe takes what fits. It is emptied ten times a second.
        while data:
            data = data[os.write(self._pipe, data) :]
