"""Ray itself: started on this machine or joined, quietly, and left behind cleanly."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import ray

from jobs.engine.errors import UserError
from jobs.engine.settings import RunSettings

# Descriptors only pass through the object store; Ray asks for 75 MiB at least.
_OBJECT_STORE_BYTES = 100 * 2**20
_ANSWER_S = 10.0
# A photo is decoded on one thread and freed on another. With a heap a thread, as glibc has it, a
# worker grew to 690 MB over 600 photos of 1 megapixel; with one for all it stays at 350 MB, in the
# same time. Read when a process starts, so it has to be there before.
_ENVIRONMENT = {"MALLOC_ARENA_MAX": "1"}


class Cluster:
    """A connection to Ray.

    Args:
        settings: Workers asked for, and what each takes of a GPU.
        local: Whether Ray runs on this machine only, for this run only.
    """

    def __init__(self, settings: RunSettings, local: bool) -> None:
        self._workers = settings.workers
        self._gpus_per_worker = settings.gpus_per_worker
        self.local = local

    def target(self) -> int:
        """How many workers there should be now; a cluster may grow and shrink.

        Raises:
            UserError: Workers need a GPU and there is none.
        """
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        fit = int(resources.get("CPU", 1))
        if self._gpus_per_worker:
            gpus = resources.get("GPU", 0.0)
            if gpus < self._gpus_per_worker:
                raise UserError(
                    f"Ray has {gpus:g} GPUs and each worker takes {self._gpus_per_worker:g}; "
                    "lower run.gpus_per_worker, add a GPU, or use --device cpu."
                )
            fit = min(fit, int(gpus / self._gpus_per_worker))
        return self._workers or max(1, fit)

    @property
    def runtime_env(self) -> dict[str, Any]:
        """What workers need around them; local ones inherit it, which saves 0.4 s at the start."""
        return {} if self.local else {"env_vars": _ENVIRONMENT}

    def is_alive(self, node: str) -> bool:
        """Whether a node is still part of the cluster."""
        nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
        return any(entry["NodeID"] == node and entry["Alive"] for entry in nodes)


@contextlib.contextmanager
def connect(settings: RunSettings) -> Iterator[Cluster]:
    """Starts or joins Ray for the block.

    Raises:
        UserError: The address given leads to no cluster, or Ray cannot write its files.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    address = _address(settings)
    if is_local(settings):
        cluster = Cluster(settings, local=True)
        arguments: dict[str, Any] = {
            # By name: without it Ray joins whatever a stale file points to.
            "address": "local",
            "num_cpus": settings.workers or usable_cpus(),
            "include_dashboard": False,
            "object_store_memory": _OBJECT_STORE_BYTES,
        }
    else:
        cluster = Cluster(settings, local=False)
        arguments = {"address": address}
        _ask(address)
    try:
        with _inherited_by_workers(), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **arguments)
    except (ConnectionError, ValueError) as error:
        if cluster.local:
            raise
        raise _no_cluster(address) from error
    except PermissionError as error:  # Ray keeps its token there
        raise UserError(
            f"Ray cannot write '{error.filename}'; set HOME to a folder that you can write."
        ) from error
    try:
        yield cluster
    finally:
        ray.shutdown()


def is_local(settings: RunSettings) -> bool:
    """Whether a run starts Ray on this machine, rather than joining a cluster."""
    return _address(settings) == "local"


def _address(settings: RunSettings) -> str:
    return settings.ray_address or os.environ.get("RAY_ADDRESS") or "local"


def _ask(address: str) -> None:
    """Fails at once where Ray would try an address in vain for minutes."""
    host, _, port = address.rpartition(":")
    if address.startswith("ray://") or not (host and port.isdigit()):
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER_S).close()
    except OSError as error:
        raise _no_cluster(address) from error


def _no_cluster(address: str) -> UserError:
    return UserError(
        f"There is no Ray cluster at '{address}'; "
        "correct --ray-address or RAY_ADDRESS, or leave both out."
    )


def usable_cpus() -> int:
    """CPUs this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def _inherited_by_workers() -> Iterator[None]:
    """Lets local workers import what this process can, installed or not."""
    path = os.pathsep.join(path for path in sys.path if path)
    wanted = {**_ENVIRONMENT, "PYTHONPATH": path}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
