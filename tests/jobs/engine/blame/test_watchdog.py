"""The watchdog, with real processes that misbehave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from jobs.engine.blame.traces import ATTEMPTS, read_trace
from jobs.engine.blame.watchdog import Limits
from jobs.engine.shards import ShardSpec, Trace
from jobs.storage.storage import Storage

SPEC = ShardSpec("000-000001", "plan.parquet", 1, 8, 100, run="r", attempt=3)
# Tells of an item, and then does something with it.
WORKER = """
import collections, ctypes, itertools, os, re, sys, time
from jobs.storage.storage import Storage
from jobs.engine.blame.watchdog import Limits, State, Watchdog

dog = Watchdog(Storage(sys.argv[1]), Limits(item_s={item_s}, stall_s=1, max_bytes=400 << 20))
dog.tell(State({phase!r}, "000-000001", "r", 3, 4, "a.jpg"))
{deed}
"""
DEEDS = {
    "spin": "while True: pass",
    "hold": "collections.deque(itertools.repeat(0), maxlen=0)",
    "stop": "import signal; os.kill(os.getpid(), signal.SIGSTOP)",
    "eat": "eaten = [b'x' * 2**24 for _ in range(1000) if not time.sleep(0.01)]",
}


def run(
    output: Path, deed: str, phase: str = "item", item_s: float = 1
) -> subprocess.CompletedProcess[bytes]:
    """Runs a worker to its end, however it comes."""
    code = WORKER.format(item_s=item_s, phase=phase, deed=deed)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-c", code, str(output)], env=environment, capture_output=True, timeout=100
    )


def trace_of(output: Path) -> Trace:
    trace = read_trace(Storage(str(output)), SPEC)
    assert trace is not None
    return trace


@pytest.mark.parametrize(
    ("deed", "status", "reason"),
    [
        ("spin", "timeout", "an item took longer than 1 s"),
        ("hold", "timeout", "an item took longer than 1 s"),
        ("stop", "timeout", "an item took longer than 1 s"),
        ("eat", "crashed", "the worker held more than 400 MiB of memory"),
    ],
)
def test_worker_that_takes_too_much_is_ended(
    tmp_path: Path, deed: str, status: str, reason: str
) -> None:
    ended = run(tmp_path, DEEDS[deed], item_s=60 if deed == "eat" else 1)
    assert ended.returncode == -signal.SIGKILL
    trace = trace_of(tmp_path)
    assert (trace.attempt, trace.item, trace.key) == (3, 4, "a.jpg")
    assert (trace.status, trace.reason) == (status, reason)


def test_trace_tells_where_the_code_was(tmp_path: Path) -> None:
    run(tmp_path, "def endless():\n    while True: pass\nendless()")
    assert "in endless" in trace_of(tmp_path).details


def test_segfault_leaves_its_stack(tmp_path: Path) -> None:
    ended = run(tmp_path, "def crash():\n    ctypes.string_at(0)\ncrash()")
    assert ended.returncode == -signal.SIGSEGV
    wait_for_dogs(ended)
    trace = trace_of(tmp_path)
    assert (trace.item, trace.status) == (4, "crashed")
    assert "in crash" in trace.details


def wait_for_dogs(ended: subprocess.CompletedProcess[bytes]) -> None:
    """Waits for watchdogs whose worker is gone."""
    name = "jobs.engine.blame.watchdog_process"
    dogs = [
        process
        for process in psutil.process_iter(["cmdline", "ppid"])
        if name in " ".join(process.info["cmdline"] or []) and process.info["ppid"] == 1
    ]
    psutil.wait_procs(dogs, timeout=60)


def test_reader_that_waits_is_ended(tmp_path: Path) -> None:
    ended = run(tmp_path, "time.sleep(90)", phase="reading")
    assert ended.returncode == -signal.SIGKILL
    assert trace_of(tmp_path).reason == "nothing was read for 1 s"


def test_reader_that_works_is_not_ended(tmp_path: Path) -> None:
    deed = "end = time.monotonic() + 3\nwhile time.monotonic() < end: pass"
    assert run(tmp_path, deed, phase="reading").returncode == 0


def test_worker_with_nothing_in_hand_is_not_ended(tmp_path: Path) -> None:
    assert run(tmp_path, "time.sleep(2)", phase="neither").returncode == 0


def test_last_word_of_many_counts(tmp_path: Path) -> None:
    told = "for i in range(3000): dog.tell(State('item', '000-000001', 'r', 3, i, f'{i}.jpg'))"
    run(tmp_path, f"{told}\nwhile True: pass")
    assert trace_of(tmp_path).key == "2999.jpg"


def test_words_do_not_wake_it(tmp_path: Path) -> None:
    deed = """
import psutil
waits = psutil.Process(dog._process.pid).num_ctx_switches
time.sleep(1)
before = waits().voluntary
for _ in range(1000):
    time.sleep(0.001)
    dog.tell(State("item"))
print(waits().voluntary - before)
"""
    assert int(run(tmp_path, deed, item_s=60).stdout) < 500


def test_each_item_has_its_own_time(tmp_path: Path) -> None:
    deed = "for _ in range(5): time.sleep(2); dog.tell(State('item'))"
    assert run(tmp_path, deed, item_s=6).returncode == 0


def test_worker_that_ends_leaves_neither_trace_nor_watchdog(tmp_path: Path) -> None:
    ended = run(tmp_path, "print(dog._process.pid)")
    dog = int(ended.stdout)
    if psutil.pid_exists(dog):
        psutil.wait_procs([psutil.Process(dog)], timeout=60)
    assert not psutil.pid_exists(dog)
    assert Storage(str(tmp_path)).names(ATTEMPTS) == []


def test_watchdog_that_is_gone_is_started_again(tmp_path: Path) -> None:
    deed = "dog._process.kill(); dog._process.wait(); dog.tell(State('item'))\nwhile True: pass"
    assert run(tmp_path, deed).returncode == -signal.SIGKILL


@pytest.mark.parametrize(("asked", "found"), [(8, 3), (2, 2), (None, None)])
def test_no_more_memory_than_there_is(asked: int | None, found: int | None) -> None:
    assert Limits(1, 1, asked).within(3).max_bytes == found
