"""Threads that compute."""

from __future__ import annotations

import torch

from jobs.engine.usable import usable_cpus


def use_threads(threads: int | None, processes: int = 1) -> None:
    """Makes PyTorch compute with some threads.

    Args:
        threads: How many; None is one for every usable CPU, divided among the processes.
        processes: Processes on this machine that learn together.
    """
    torch.set_num_threads(threads or max(1, usable_cpus() // processes))
