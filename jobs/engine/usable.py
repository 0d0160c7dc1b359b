"""What of this machine is there for a run: processors, memory, and how many workers they hold."""

from __future__ import annotations

import math
import os

import psutil

from jobs.engine.cgroups import share

# A worker grows to 350 MB over ordinary photos; the driver and Ray's own processes take the rest.
_WORKER_BYTES = 512 << 20
_REST_BYTES = 1 << 30


def usable_cpus() -> int:
    """CPUs this process may use: those it may run on, and a container's share of their time."""
    if hasattr(os, "process_cpu_count"):  # Python 3.13
        cpus = os.process_cpu_count() or 1
    elif hasattr(os, "sched_getaffinity"):
        cpus = len(os.sched_getaffinity(0))
    else:
        cpus = os.cpu_count() or 1
    return math.ceil(min(cpus, share().cpus or cpus))


def usable_memory() -> int:
    """Bytes of memory that the machine has, or its container is let have."""
    return min(filter(None, (psutil.virtual_memory().total, share().memory)))


def default_workers() -> int:
    """Workers where none were asked for: one a CPU, or as many as there is memory for."""
    return min(usable_cpus(), max(1, (usable_memory() - _REST_BYTES) // _WORKER_BYTES))


def worker_memory(memory: int, workers: int = 1) -> int:
    """Bytes that each of some workers on a machine may take.

    Args:
        memory: What the machine has.
        workers: How many there are.
    """
    return max(_WORKER_BYTES, (memory - _REST_BYTES) // workers)
