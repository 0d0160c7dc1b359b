"""Chaos: SIGKILLs for a running job's workers, nodes and driver, at random moments."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import psutil
from ray._private.node import Node
from ray.cluster_utils import Cluster

from tests.command import start
from tests.system.processes import descendants, kill, kill_driver, workers_below

_WEIGHTS = {"worker": 0.5, "driver": 0.25, "raylet": 0.15, "whole node": 0.1}
_LONGEST_S = 2.0  # to the next kill, if it does not wait for a shard to be committed
_SOON_S = 0.3  # after one was committed
_SHARE = 0.8  # of the shards; when so many are committed, the last kill is due
# Instead of twelve, as all that time there is one worker less.
_NODE_DEATH_IN_3_S = {
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 1000,
    "health_check_failure_threshold": 3,
}
_LIMIT_S = 150  # a hang, not a slow machine


class Ground(Protocol):
    """What a job runs on, as far as it can be killed.

    Attributes:
        is_the_drivers: Whether the driver may end with an error when its raylet is killed.
    """

    is_the_drivers: bool

    def workers(self, driver: subprocess.Popen[str]) -> list[psutil.Process]:
        """The workers there are, whatever they are doing."""
        ...

    def kill_raylet(
        self, driver: subprocess.Popen[str], rng: np.random.Generator, *, whole_node: bool
    ) -> int | None:
        """Kills one, with all of its node if so wanted; its id, or None if there is none."""
        ...


class Nodes:
    """A cluster: a head without workers, which stays, and nodes that are replaced when killed."""

    is_the_drivers = False

    def __init__(self, cluster: Cluster, starter: ThreadPoolExecutor, count: int) -> None:
        self.address = cluster.address
        self._cluster = cluster
        # A new node takes some seconds, in which the others are not left in peace.
        self._starter = starter
        self._nodes = [self._new_node() for _ in range(count)]
        wait(self._nodes)

    def workers(self, driver: subprocess.Popen[str]) -> list[psutil.Process]:
        raylets = [_raylet(node.result()) for node in self._nodes if node.done()]
        return [worker for raylet in raylets for worker in workers_below(raylet)]

    def kill_raylet(
        self, driver: subprocess.Popen[str], rng: np.random.Generator, *, whole_node: bool
    ) -> int | None:
        up = [node for node in self._nodes if node.done()]
        if not up:
            return None
        victim = up[rng.integers(len(up))]
        raylet = _raylet(victim.result())
        kill(raylet, *(raylet.children(recursive=True) if whole_node else []))
        # Waits for it: workers do not notice that their raylet is gone while it is a zombie.
        self._cluster.remove_node(victim.result(), allow_graceful=False)
        self._nodes.remove(victim)
        self._nodes.append(self._new_node())
        return raylet.pid

    def _new_node(self) -> Future[Node]:
        return self._starter.submit(self._cluster.add_node, num_cpus=1)


@contextlib.contextmanager
def running_nodes(count: int) -> Iterator[Nodes]:
    """A cluster with so many nodes besides its head, of a worker each."""
    cluster = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 0,
            "include_dashboard": False,
            "_system_config": _NODE_DEATH_IN_3_S,
        },
        # Its signal handlers can only be installed from the main thread.
        shutdown_at_exit=False,
    )
    try:
        with ThreadPoolExecutor(1) as starter:
            yield Nodes(cluster, starter, count)
    finally:
        cluster.shutdown()


class OwnRay:
    """Ray as the driver starts it: a single node, which the driver itself is connected to."""

    is_the_drivers = True

    def workers(self, driver: subprocess.Popen[str]) -> list[psutil.Process]:
        return workers_below(psutil.Process(driver.pid))

    def kill_raylet(
        self, driver: subprocess.Popen[str], rng: np.random.Generator, *, whole_node: bool
    ) -> int | None:
        family = {member.pid: member for member in descendants(driver)}
        raylets = [member for member in family.values() if _name(member) == "raylet"]
        for raylet in raylets:
            kill(raylet, *(family.values() if whole_node else []))
            return raylet.pid
        return None


def _raylet(node: Node) -> psutil.Process:
    return psutil.Process(node.all_processes["raylet"][0].process.pid)


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


@dataclass(frozen=True)
class Kill:
    """One of the kills: when, what it hit, and how many shards were committed by then."""

    at_s: float
    what: str
    pid: int
    committed: int


class Chaos:
    """A job that is killed, in part or as a whole, again and again until it has ended all the same.

    Args:
        rng: Decides what is killed and when.
        ground: What the job runs on.
        committed: How many shards have a commit record by now.
        planned: How many there will be in the end.

    Attributes:
        kills: What happened, in order; printed as it happens.
    """

    def __init__(
        self, rng: np.random.Generator, ground: Ground, committed: Callable[[], int], planned: int
    ) -> None:
        self._rng = rng
        self._ground = ground
        self._committed = committed
        self._planned = planned
        self.kills: list[Kill] = []

    def run(self, kills: int, *command: object) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end, starting it again each time its driver is killed.

        All kills happen before the job ends: those that are late are made up for as the number of
        committed shards grows.
        """
        began = time.monotonic()
        self._command = command
        self._driver = start(*command)
        self._at_risk = False
        try:
            for number in range(1, kills + 1):
                self._wait(round(_SHARE * self._planned * number / kills))
                what = str(self._rng.choice(list(_WEIGHTS), p=list(_WEIGHTS.values())))
                pid = self._strike(what)
                at_s = round(time.monotonic() - began, 2)
                self.kills.append(Kill(at_s, what, pid, self._committed()))
                print(self.kills[-1])
                self._at_risk = self._at_risk or what in ("raylet", "whole node")
                if what == "driver":
                    self._start_again()
            while True:
                printed, errors = self._driver.communicate(timeout=_LIMIT_S)
                if self._driver.returncode == 0 or not self._may_be_gone():
                    break
                self._start_again()
            return subprocess.CompletedProcess(command, self._driver.returncode, printed, errors)
        finally:
            if self._driver.poll() is None:
                kill(*descendants(self._driver), psutil.Process(self._driver.pid))
            _close(self._driver)

    def _wait(self, latest: int) -> None:
        """Waits for the moment of the next kill: at the latest, until so many are committed."""
        before = self._committed()
        if self._rng.random() < 0.5 and before < latest:
            enough = self._rng.integers(before, latest) + 1
            self._until(lambda: self._committed() >= enough)
            delay = self._rng.uniform(0, _SOON_S)
        else:
            delay = self._rng.uniform(0, _LONGEST_S)
        due = time.monotonic() + delay
        self._until(lambda: time.monotonic() >= due or self._committed() >= latest)

    def _strike(self, what: str) -> int:
        """Kills something of that kind as soon as there is one; its process id."""
        hit: list[int] = []

        def strike() -> bool:
            hit.extend(self._struck(what))
            return bool(hit)

        self._until(strike)
        return hit[0]

    def _struck(self, what: str) -> list[int]:
        if what == "driver":
            kill_driver(self._driver)
            return [self._driver.pid]
        if what == "worker":
            workers = self._ground.workers(self._driver)
            if not workers:
                return []
            victim = workers[self._rng.integers(len(workers))]
            kill(victim)
            return [victim.pid]
        whole = what == "whole node"
        pid = self._ground.kill_raylet(self._driver, self._rng, whole_node=whole)
        return [] if pid is None else [pid]

    def _until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + _LIMIT_S
        while not condition():
            if (code := self._driver.poll()) is not None:
                if code and self._may_be_gone():
                    self._start_again()
                    continue
                printed, errors = self._driver.communicate(timeout=_LIMIT_S)
                raise AssertionError(
                    f"the job ended after {len(self.kills)} kills with {code}, "
                    f"{self._committed()} of {self._planned} shards committed:\n{printed}{errors}"
                )
            assert time.monotonic() < end, "nothing happens any more"
            time.sleep(0.01)

    def _may_be_gone(self) -> bool:
        """Whether what was killed since the driver was started may have ended it."""
        return self._ground.is_the_drivers and self._at_risk

    def _start_again(self) -> None:
        _close(self._driver)
        self._driver = start(*self._command)
        self._at_risk = False


def _close(process: subprocess.Popen[str]) -> None:
    process.wait()
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        stream.close()
