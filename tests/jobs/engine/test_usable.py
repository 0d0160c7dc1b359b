"""How many workers a machine, or a container's share of one, holds, and what each may take."""

from __future__ import annotations

import os

import psutil
import pytest

from jobs.engine import usable
from jobs.engine.cgroups import Share
from jobs.engine.usable import default_workers, usable_cpus, usable_memory, worker_memory

_GB = 1 << 30


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """64 CPUs, and memory enough for them, whatever this machine has."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    monkeypatch.setattr(os, "process_cpu_count", lambda: 64, raising=False)
    memory = psutil.virtual_memory()._replace(total=128 * _GB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    monkeypatch.setattr(usable, "share", lambda: Share(None, None))


def share_of(monkeypatch: pytest.MonkeyPatch, cpus: float | None, memory: int | None) -> None:
    monkeypatch.setattr(usable, "share", lambda: Share(cpus, memory))


def test_a_whole_machine() -> None:
    assert (usable_cpus(), usable_memory(), default_workers()) == (64, 128 * _GB, 64)


@pytest.mark.parametrize(("quota", "cpus"), [(2.0, 2), (1.5, 2), (0.1, 1), (100.0, 64)])
def test_a_quota(monkeypatch: pytest.MonkeyPatch, quota: float, cpus: int) -> None:
    share_of(monkeypatch, quota, None)
    assert (usable_cpus(), default_workers()) == (cpus, cpus)


@pytest.mark.parametrize(("memory", "workers"), [(16, 30), (2, 2), (1, 1)])
def test_no_more_workers_than_memory_holds(
    monkeypatch: pytest.MonkeyPatch, memory: int, workers: int
) -> None:
    share_of(monkeypatch, None, memory * _GB)
    assert default_workers() == workers


def test_a_limit_above_what_the_machine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    share_of(monkeypatch, None, 1 << 62)
    assert usable_memory() == 128 * _GB


def test_one_worker_may_take_all_but_what_the_rest_needs() -> None:
    assert worker_memory(4 * _GB) == 3 * _GB


def test_workers_share_memory() -> None:
    assert worker_memory(9 * _GB, 4) == 2 * _GB


def test_a_worker_gets_what_it_needs() -> None:
    assert worker_memory(2 * _GB, 8) == _GB // 2
