"""A running job from outside: wait until it is half done, then do something to its processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from tests.command import start
from tests.system.outputs import committed, planned

_LIMIT_S = 120  # a hang, not a slow machine
_WORKING = ".run"


@contextlib.contextmanager
def running(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """The command, started; at the end nothing of it is left."""
    process = start(*arguments)
    family = {process.pid: psutil.Process(process.pid)}
    try:
        yield process
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            family.update((child.pid, child) for child in descendants(process))
        for member in family.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        process.communicate()


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """All processes that it started, and those that they started."""
    return psutil.Process(process.pid).children(recursive=True)


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Waits for something that a running job brings about."""
    end = time.monotonic() + _LIMIT_S
    while not condition():
        assert process.poll() is None, f"the job ended early: {process.communicate()}"
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.005)


def wait_until_half_done(output: Path, process: subprocess.Popen[str]) -> None:
    """Waits until some shards are committed; by far not all, as the caller may check."""
    wait_until(lambda: len(committed(output)) >= 2, process)


def is_unfinished(output: Path) -> bool:
    return len(committed(output)) < planned(output)


def kill_driver(process: subprocess.Popen[str]) -> None:
    """SIGKILL for the process that was started and no other."""
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def kill_all(process: subprocess.Popen[str]) -> None:
    """SIGKILL for its process group and for whatever has left that: power failure."""
    family = descendants(process)
    os.killpg(process.pid, signal.SIGKILL)
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    process.wait()


def kill_a_worker(process: subprocess.Popen[str]) -> bool:
    """SIGKILL for one process that has a shard in hand; False if none has just now."""
    for worker in workers_below(psutil.Process(process.pid), doing=_WORKING):
        with contextlib.suppress(psutil.NoSuchProcess):
            worker.suspend()  # so that it does not finish between the look and the blow
            if _is_worker(worker, _WORKING) and _is_writing(worker):
                kill(worker)
                return True
            worker.resume()
    return False


def _is_writing(worker: psutil.Process) -> bool:
    """Whether it has a part open: one that is published, or committed, is closed."""
    return any(".parquet" in file.path for file in worker.open_files())


def workers_below(process: psutil.Process, doing: str = "") -> list[psutil.Process]:
    """Ray's workers among the processes that one started; those that are in a method of a name."""
    found = []
    for member in process.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if _is_worker(member, doing):
                found.append(member)
    return found


def _is_worker(process: psutil.Process, doing: str) -> bool:
    name = " ".join(process.cmdline())
    # Others that are called so are agents, without which a node ends itself, and processes without
    # an actor yet: for one that is killed then, Ray waits a minute.
    return name.startswith("ray::Actor") and name.split()[0].endswith(doing)


def kill(*processes: psutil.Process) -> None:
    """SIGKILL for each that is still there."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
