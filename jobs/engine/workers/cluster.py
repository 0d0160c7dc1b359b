"""Ray itself: started on this machine or joined, quietly, and left behind cleanly."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import ray
from ray._private.worker import global_worker
from ray.exceptions import RayError

from jobs.engine.settings import RunSettings
from jobs.engine.workers.loopback import only_for_us
from jobs.engine.workers.ray_folders import own_choice, ray_folders
from jobs.messages.errors import NotNowError, UserError

# Descriptors only pass through the object store; Ray asks for 75 MiB at least.
_OBJECT_STORE_BYTES = 100 * 2**20
_ANSWER_S = 10.0
_ASK_AGAIN_S = 1.0
_ALIVE = 0  # a node's state
_END_S = 1.0
_AUTOSCALER = "monitor.py"
# A photo is decoded on one thread and freed on another. With a heap a thread, as glibc has it, a
# worker grew to 690 MB over 600 photos of 1 megapixel; with one for all it stays at 350 MB, in the
# same time. Read when a process starts, so it has to be there before.
_ENVIRONMENT = {"MALLOC_ARENA_MAX": "1"}
# A Ray that starts asks for its own object store before that is there, and again after a second, 10
# times. Asked more often it is there at once, and the whole start takes 1 s less, most times.
_IMPATIENT = {
    "RAY_raylet_client_connect_timeout_milliseconds": "20",
    "RAY_raylet_client_num_connect_attempts": "500",
}


class ClusterLostError(NotNowError):
    """The head of the cluster does not answer, or is another one than before."""

    def __init__(self, address: str) -> None:
        super().__init__(f"Ray at '{address}' has gone: run the same command again to go on")
        self.address = address


class Cluster:
    """A connection to Ray.

    Args:
        settings: Workers asked for, and what each takes of a GPU.
        local: Whether Ray runs on this machine only, for this run only.
    """

    def __init__(self, settings: RunSettings, local: bool) -> None:
        self._workers = settings.workers
        self._gpus_per_worker = settings.gpus_per_worker
        self._address = _address(settings)
        self.local = local

    def target(self) -> int:
        """How many workers there should be now; a cluster may grow and shrink.

        Raises:
            UserError: Workers need a GPU and there is none.
            ClusterLostError: The head of the cluster has gone.
        """
        nodes = self._nodes().values()
        fit = int(sum(node.get("CPU", 0.0) for node in nodes))
        if self._gpus_per_worker:
            gpus = sum(node.get("GPU", 0.0) for node in nodes)
            if gpus < self._gpus_per_worker:
                raise UserError(
                    f"there are {gpus:g} GPUs and each worker takes {self._gpus_per_worker:g}: "
                    "lower run.gpus_per_worker, add a GPU, or use --device cpu"
                )
            fit = min(fit, int(gpus / self._gpus_per_worker))
        return self._workers or max(1, fit)

    @property
    def runtime_env(self) -> dict[str, Any]:
        """What workers need around them; local ones inherit it, which saves 0.4 s at the start."""
        return {} if self.local else {"env_vars": _ENVIRONMENT}

    def is_alive(self, node: str) -> bool:
        """Whether a node is still part of the cluster.

        Raises:
            ClusterLostError: The head of the cluster has gone.
        """
        return node in self._nodes()

    def check(self) -> None:
        """Raises a `ClusterLostError` if the head of the cluster has gone."""
        self._nodes()

    def _nodes(self) -> dict[str, dict[str, float]]:
        """What each node that is alive has.

        Not by `ray.nodes()` and the like: where the head has gone these never return, and Ray ends
        this process after a minute of that, or at once when another head answers.
        """
        client = getattr(global_worker, "gcs_client", None)
        if client is None:  # joined by ray://, where the driver's part of Ray is elsewhere
            entries: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
            return {entry["NodeID"]: entry["Resources"] for entry in entries if entry["Alive"]}
        try:
            known = client.get_all_node_info(timeout=_ANSWER_S).values()
        except RayError as error:
            raise ClusterLostError(self._address) from error
        nodes = {
            node.node_id.hex(): dict(node.resources_total) for node in known if node.state == _ALIVE
        }
        if self.local and not nodes:
            raise ClusterLostError(self._address)
        return nodes


@contextlib.contextmanager
def connect(
    settings: RunSettings, patience_s: float = 0.0, waiting: Callable[[], None] = lambda: None
) -> Iterator[Cluster]:
    """Starts or joins Ray for the block.

    Args:
        settings: Workers, and where Ray is.
        patience_s: Seconds to wait for a cluster that is not there.
        waiting: Called now and then meanwhile.

    Raises:
        UserError: The address given leads to no cluster, or Ray cannot write its files.
        ClusterLostError: There still is none after `patience_s`.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    cluster = Cluster(settings, is_local(settings))
    end = time.monotonic() + patience_s
    with only_for_us() if cluster.local else contextlib.nullcontext():
        try:
            while not _is_up(settings, patience_s > 0):
                if time.monotonic() >= end:
                    raise ClusterLostError(_address(settings))
                waiting()
                time.sleep(_ASK_AGAIN_S)
            if cluster.local:
                _end_autoscaler()
            yield cluster
        finally:
            ray.shutdown()


def _is_up(settings: RunSettings, patient: bool) -> bool:
    """Starts or joins Ray; False is not yet, for those who can wait."""
    try:
        _start(settings)
    except UserError:
        if not patient:
            raise
        ray.shutdown()
        return False
    return True


def _start(settings: RunSettings) -> None:
    address = _address(settings)
    if address == "local":
        arguments: dict[str, Any] = {
            # By name: without it Ray joins whatever a stale file points to.
            "address": "local",
            "num_cpus": settings.workers or usable_cpus(),
            "include_dashboard": False,
            "object_store_memory": _OBJECT_STORE_BYTES,
            **ray_folders(),
        }
    else:
        arguments = {"address": address}
        _ask(address)
    try:
        with _inherited_by_workers(), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **arguments)
    except (ConnectionError, ValueError) as error:
        if address == "local":
            raise
        raise _no_cluster(address) from error
    except OSError as error:
        if error.filename is None:
            raise
        raise _cannot_write(error) from error
    except Exception as error:
        if type(error) is not Exception or address != "local":
            raise
        raise NotNowError(  # Ray has no class for it
            f"the Ray of this machine does not start ({str(error).partition('. ')[0]}): see that "
            "there is memory, and room for temporary files, and run the same command again"
        ) from error


def _end_autoscaler() -> None:
    """Ends the part of Ray that would add machines: none are to come, and it takes 1 s to end."""
    for process in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
            if any(os.path.basename(word) == _AUTOSCALER for word in process.cmdline()):
                process.kill()
                process.wait(_END_S)


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


def _cannot_write(error: OSError) -> NotNowError:
    """What to say of a folder that Ray cannot use: that of its files, or that of its token."""
    temporary = str(error.filename).startswith(own_choice())
    variable = "RAY_TMPDIR" if temporary else "HOME"
    return NotNowError(
        f"cannot write '{error.filename}' for Ray ({error.strerror or error}): "
        f"make room there, or set {variable} to a folder that you can write"
    )


def _no_cluster(address: str) -> NotNowError:
    return NotNowError(
        f"there is no Ray cluster at '{address}': "
        "correct --ray-address or RAY_ADDRESS, or leave both out, or, if it asks for a token, set "
        "RAY_AUTH_MODE=token and RAY_AUTH_TOKEN"
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
    patience = {name: os.environ.get(name, value) for name, value in _IMPATIENT.items()}
    wanted = {**patience, **_ENVIRONMENT, "PYTHONPATH": path}
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
