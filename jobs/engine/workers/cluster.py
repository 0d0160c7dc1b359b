"""Ray itself: started on this machine or joined, quietly, and left behind cleanly."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import ray
from mtcnn_ray import absolute
from ray._private.worker import global_worker
from ray.exceptions import RayError
from ray.job_config import JobConfig

import jobs
from jobs.engine.settings import RunSettings
from jobs.engine.usable import default_workers
from jobs.engine.workers.joining import address_of, is_local, located
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


class _OwnImports(JobConfig):
    """What Ray is told of a run, less that workers look into the driver's working folder first."""

    def _runtime_env_has_working_dir(self) -> bool:
        return True  # the one case in which Ray leaves their import path as it is


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
        self._address = address_of(settings)
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

    @property
    def imports(self) -> tuple[list[str], list[str]]:
        """What workers look into first, and last, for what they import: as far as the driver does.

        A local one has all in common with it, one on another node what it is started from.
        """
        path = _import_path()
        if self.local:
            return path, []
        own = os.path.dirname(os.path.dirname(os.path.abspath(jobs.__file__)))
        script = os.path.dirname(os.path.realpath(sys.argv[0]))
        around = [folder for folder in (absolute(""), script) if folder in path]
        return [own] if own in around else [], [folder for folder in around if folder != own]

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
        client: Any = vars(global_worker)["gcs_client"]
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
        UserError: The address given leads to no cluster that can be joined, or Ray cannot write
            its files.
        ClusterLostError: There still is none after `patience_s`.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    cluster = Cluster(settings, is_local(settings))
    end = time.monotonic() + patience_s
    with only_for_us() if cluster.local else contextlib.nullcontext():
        try:
            while not _is_up(settings, patience_s > 0):
                if time.monotonic() >= end:
                    raise ClusterLostError(address_of(settings))
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
    if not is_local(settings):
        _join(located(address_of(settings)))
        return
    try:
        _connect(
            # By name: without it Ray joins whatever a stale file points to.
            address="local",
            num_cpus=settings.workers or default_workers(),
            include_dashboard=False,
            object_store_memory=_OBJECT_STORE_BYTES,
            **ray_folders(),
        )
    except OSError as error:
        if error.filename is None:
            raise
        raise _cannot_write(error) from error
    except Exception as error:
        if type(error) is not Exception:
            raise
        raise NotNowError(  # Ray has no class for it
            f"the Ray of this machine does not start ({str(error).partition('. ')[0]}): see that "
            "there is memory, and room for temporary files, and run the same command again"
        ) from error


def _join(address: str) -> None:
    """Joins a cluster that answers; Ray may still not find this machine's node, or be another."""
    try:
        _connect(address=address)
    except PermissionError as error:  # Ray keeps its token there
        raise _cannot_write(error) from error
    except (RuntimeError, OSError, ValueError, RayError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        kind = NotNowError if isinstance(error, (OSError, RayError)) else UserError
        raise kind(
            f"cannot join Ray at '{address}' ({reason}): see that the node of this machine is up, "
            "and that the same Ray and Python are on all"
        ) from error


def _connect(**arguments: Any) -> None:
    with _inherited_by_workers(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        ray.init(
            log_to_driver=False,
            logging_level=logging.ERROR,
            job_config=_OwnImports(),
            **arguments,
        )


def _end_autoscaler() -> None:
    """Ends the part of Ray that would add machines: none are to come, and it takes 1 s to end."""
    for process in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
            if any(os.path.basename(word) == _AUTOSCALER for word in process.cmdline()):
                process.kill()
                process.wait(_END_S)


def _cannot_write(error: OSError) -> NotNowError:
    """What to say of a folder that Ray cannot use: that of its files, or that of its token."""
    temporary = str(error.filename).startswith(own_choice())
    variable = "RAY_TMPDIR" if temporary else "HOME"
    return NotNowError(
        f"cannot write '{error.filename}' for Ray ({error.strerror or error}): "
        f"make room there, or set {variable} to a folder that you can write"
    )


def _import_path() -> list[str]:
    """Where this process looks for what it imports."""
    return [absolute(folder) for folder in sys.path]


@contextlib.contextmanager
def _inherited_by_workers() -> Iterator[None]:
    """Lets local workers import what this process can, installed or not."""
    path = os.pathsep.join(_import_path())
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
