"""The workers as a set: a bounded window of shards, deaths, replacements, attempts."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import ray
from ray import cloudpickle
from ray.exceptions import (
    NodeDiedError,
    ObjectLostError,
    OutOfMemoryError,
    RayActorError,
    RayTaskError,
    WorkerCrashedError,
)

from jobs.engine.cluster import Cluster
from jobs.engine.errors import JobError, UserError
from jobs.engine.job import Job
from jobs.engine.settings import RunSettings
from jobs.engine.shards import ShardFailure, ShardReport, ShardSpec
from jobs.engine.storage import Storage
from jobs.engine.worker import Worker, in_hand

_DEATHS = (
    RayActorError,
    OutOfMemoryError,
    WorkerCrashedError,
    NodeDiedError,
    ObjectLostError,
)
# One worker may fail to start because of its node; three in a row because of the job.
_STARTS = 3
_OUTSTANDING = 2
_BEAT_S = 0.5
_RESIZE_EVERY_S = 10.0


@dataclass(frozen=True)
class Beat:
    """A sign of life when no shard has ended.

    Attributes:
        workers: Workers that are ready.
    """

    workers: int


class Actor(Worker):
    """A worker that tells where it is."""

    def load(self, pickled_job: bytes) -> str:
        """Loads the job; returns the id of the node."""
        self.start(pickled_job)
        return str(ray.get_runtime_context().get_node_id())


@dataclass
class _Worker:
    """A worker as the driver sees it; `shards` are with it, oldest first."""

    actor: Any
    starting: Any
    node: str | None = None
    shards: dict[Any, ShardSpec] = field(default_factory=dict)
    retiring: bool = False


class _Backlog:
    """Shards to hand out: those that came back first, then new ones, made when they are needed."""

    def __init__(self, fresh: Iterable[ShardSpec], count: int) -> None:
        self._returned: deque[ShardSpec] = deque()
        self._fresh: Iterator[ShardSpec] = iter(fresh)
        self._left = count

    def __len__(self) -> int:
        return len(self._returned) + self._left

    def next(self) -> ShardSpec:
        if self._returned:
            return self._returned.popleft()
        self._left -= 1
        return next(self._fresh)

    def put_back(self, specs: Sequence[ShardSpec]) -> None:
        self._returned.extendleft(reversed(specs))


class Pool:
    """Runs shards on worker processes. Nothing in it grows with the number of shards.

    Args:
        job: What to do.
        storage: The output.
        packages: Packages whose versions go into the commit records.
        cluster: Where workers can be started.
        settings: Attempts and limits.
        actor: The class of the workers.
    """

    def __init__(
        self,
        job: Job,
        storage: Storage,
        packages: Sequence[str],
        cluster: Cluster,
        settings: RunSettings,
        actor: type[Actor] = Actor,
    ) -> None:
        self._storage = storage
        self._cluster = cluster
        self._settings = settings
        self._packages = tuple(packages)
        self._job = ray.put(cloudpickle.dumps(job))  # type: ignore[no-untyped-call]
        self._actor: Any = ray.remote(actor).options(
            num_cpus=1,
            num_gpus=settings.gpus_per_worker,
            max_restarts=0,
            max_task_retries=0,
            runtime_env=cluster.runtime_env,
            # Ray's own history of tasks would cost the driver 0.5 kB a shard.
            enable_task_events=False,
        )
        self._workers: list[_Worker] = []
        self._backlog = _Backlog((), 0)
        self._failed_starts = 0
        self._resize_at = 0.0
        self._target = 1

    def run(
        self, shards: Iterable[ShardSpec], count: int
    ) -> Generator[ShardReport | ShardFailure | Beat, None, None]:
        """Runs shards; yields what became of each, in the order in which they end.

        Args:
            shards: Taken one by one, as workers get free.
            count: How many there are.

        Raises:
            JobError: The job does not start in any worker.
            UserError: It does not start for a reason the user can change, or the output cannot
                be written.
        """
        self._backlog = _Backlog(shards, count)
        try:
            while self._backlog or any(worker.shards for worker in self._workers):
                self._resize()
                self._hand_out()
                yield from self._collect()
        finally:
            for worker in self._workers:
                ray.kill(worker.actor)
            self._workers = []

    def _resize(self) -> None:
        if time.monotonic() >= self._resize_at:
            self._resize_at = time.monotonic() + _RESIZE_EVERY_S
            self._target = self._cluster.target()
        for worker in [worker for worker in self._workers if worker.retiring]:
            if not worker.shards:
                self._workers.remove(worker)
                ray.kill(worker.actor)
        outstanding = len(self._backlog) + sum(len(worker.shards) for worker in self._workers)
        while len(self._workers) < min(self._target, outstanding):
            actor = self._actor.remote(self._storage.url, self._storage.options, self._packages)
            self._workers.append(_Worker(actor, actor.load.remote(self._job)))

    def _hand_out(self) -> None:
        ready = [worker for worker in self._workers if worker.node and not worker.retiring]
        for depth in range(_OUTSTANDING):
            for worker in ready:
                # Near the end a shard is better off with whoever is free first.
                if depth and len(self._backlog) <= len(ready):
                    return
                if self._backlog and len(worker.shards) <= depth:
                    spec = self._backlog.next()
                    worker.shards[worker.actor.run.remote(spec)] = spec

    def _collect(self) -> Generator[ShardReport | ShardFailure | Beat, None, None]:
        waiting: dict[Any, _Worker] = {}
        for worker in self._workers:
            for ref in worker.shards:
                waiting[ref] = worker
            if worker.node is None:
                waiting[worker.starting] = worker
        ready, _ = ray.wait(list(waiting), num_returns=1, timeout=_BEAT_S)
        yield Beat(sum(worker.node is not None for worker in self._workers))
        for ref in ready:
            worker = waiting[ref]
            if ref is worker.starting:
                self._started(worker)
            else:
                yield from self._ended(worker)

    def _started(self, worker: _Worker) -> None:
        try:
            worker.node = ray.get(worker.starting)
            self._failed_starts = 0
        except (RayTaskError, *_DEATHS) as error:
            self._workers.remove(worker)
            ray.kill(worker.actor)
            cause = getattr(error, "cause", None)
            if isinstance(cause, UserError):
                raise cause from error
            self._failed_starts += 1
            if self._failed_starts >= _STARTS:
                raise JobError(f"the job does not start in a worker: {error}") from error

    def _ended(self, worker: _Worker) -> Generator[ShardReport | ShardFailure, None, None]:
        # Oldest first: an earlier shard may have ended just before the worker died in a later.
        for ref, spec in list(worker.shards.items()):
            if not ray.wait([ref], timeout=0)[0]:
                return
            try:
                result = ray.get(ref)
            except RayTaskError as error:
                if isinstance(error.cause, UserError):
                    raise error.cause from error
                result = _given_up(spec, "the worker failed", None, str(error))
            except _DEATHS as error:
                yield from self._died(worker, spec, error)
                return
            del worker.shards[ref]
            limit = self._settings.max_worker_bytes
            if isinstance(result, ShardReport) and limit and result.worker_bytes > limit:
                worker.retiring = True
            yield result

    def _died(
        self, worker: _Worker, running: ShardSpec, error: Exception
    ) -> Generator[ShardFailure, None, None]:
        self._workers.remove(worker)
        ray.kill(worker.actor)
        waiting = [spec for spec in worker.shards.values() if spec is not running]
        self._backlog.put_back(waiting)
        item = in_hand(self._storage, running)
        # A node that goes takes its workers with it; that is no item's fault.
        blamed = item is not None and worker.node and self._cluster.is_alive(worker.node)
        again = running.after_death(
            item[0] if item and blamed else None, self._settings.max_attempts
        )
        if again is not None:
            self._backlog.put_back([again])
            return
        reason = f"lost its worker {running.deaths + 1} times"
        yield _given_up(running, reason, item, str(error))


def _given_up(
    spec: ShardSpec, reason: str, item: tuple[int, str] | None, details: str
) -> ShardFailure:
    index, key = item or (None, None)
    return ShardFailure(spec.shard, reason, spec.attempt, index, key, details)
