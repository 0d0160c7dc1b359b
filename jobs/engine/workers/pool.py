"""The workers as a set: a bounded window of shards, deaths, replacements, attempts."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray import cloudpickle
from ray.exceptions import (
    ActorDiedError,
    NodeDiedError,
    ObjectLostError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
    WorkerCrashedError,
)

from jobs.engine.blame.traces import given_up, read_trace
from jobs.engine.blame.watchdog import Limits
from jobs.engine.interrupts import Interrupts
from jobs.engine.job import Job
from jobs.engine.reports import Result, ShardFailure
from jobs.engine.settings import RunSettings
from jobs.engine.shards import ShardSpec
from jobs.engine.usable import worker_memory
from jobs.engine.workers.actors import Actor, Hand
from jobs.engine.workers.backlog import Backlog
from jobs.engine.workers.cluster import Cluster
from jobs.engine.workers.worker import Worker
from jobs.messages.errors import JobError, UserError
from jobs.storage.storage import Storage

_DEATHS = (
    RayActorError,
    OutOfMemoryError,
    WorkerCrashedError,
    NodeDiedError,
    ObjectLostError,
)
# One worker may fail to start because of its node; three in a row because of the job. One that is
# lost meanwhile says less: whatever takes workers away also takes those that are starting.
_STARTS = 3
_LOST_STARTS = 12
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


class Pool:
    """Runs shards on worker processes. Nothing in it grows with the number of shards.

    Args:
        job: What to do.
        storage: The output.
        packages: Packages whose versions go into the commit records.
        cluster: Where workers can be started.
        settings: Attempts and limits.
        worker: The class of the workers.
    """

    def __init__(
        self,
        job: Job | None,
        storage: Storage,
        packages: Sequence[str],
        cluster: Cluster,
        settings: RunSettings,
        worker: type[Worker] = Worker,
    ) -> None:
        self._storage = storage
        self._cluster = cluster
        self._settings = settings
        limits = Limits(
            settings.item_timeout_s, settings.stall_timeout_s, settings.kill_worker_bytes
        )
        arguments = storage.url, storage.options, tuple(packages), limits, settings.min_free_bytes
        self._worker = cloudpickle.dumps((worker, arguments))  # type: ignore[no-untyped-call]
        self._job = ray.put(cloudpickle.dumps(job))  # type: ignore[no-untyped-call]
        self._actor: Any = ray.remote(Actor).options(
            num_cpus=1,
            num_gpus=settings.gpus_per_worker,
            max_restarts=0,
            max_task_retries=0,
            runtime_env=cluster.runtime_env,
            # Ray's own history of tasks would cost a twentieth of the shards per second.
            enable_task_events=False,
        )
        self._workers: list[Hand] = []
        self._backlog = Backlog((), 0)
        self._failed_starts = 0
        self._resize_at = 0.0
        self._target = 1

    def run(
        self, shards: Iterable[ShardSpec], count: int, signals: Interrupts | None = None
    ) -> Generator[Result | Beat, None, None]:
        """Runs shards; yields what became of each, in the order in which they end.

        Args:
            shards: Taken one by one, as workers get free.
            count: How many there are.
            signals: Once they set a deadline, shards in hand are waited for until then, and no
                more.

        Raises:
            JobError: The job does not start in any worker.
            UserError: It does not start for a reason the user can change, or the output cannot
                be written.
            ClusterLostError: The head of the cluster has gone.
        """
        self._backlog = Backlog(shards, count)
        try:
            while self._backlog or any(worker.shards for worker in self._workers):
                if signals is not None and signals.deadline is not None:
                    yield from self._drain(signals)
                    return
                workers = len(self._workers)
                self._resize()
                self._hand_out()
                yield from self._collect()
                if len(self._workers) < workers:  # perhaps their node went, or the head
                    self._resize_at = 0.0
        finally:
            for worker in self._workers:
                ray.kill(worker.actor)
            self._workers = []

    def _drain(self, signals: Interrupts) -> Generator[Result | Beat, None, None]:
        """Waits for the shards that are running; those behind them are for the next run."""
        refs = [ref for worker in self._workers for ref in worker.shards]
        ended = set(ray.wait(refs, num_returns=len(refs), timeout=0)[0]) if refs else set()
        in_hand: dict[Any, Hand] = {}
        for worker in self._workers:
            unfinished = [ref for ref in worker.shards if ref not in ended]
            if worker.node and unfinished:
                in_hand[unfinished[0]] = worker
        while True:
            for ref in ended:
                if ref in in_hand:
                    ray.kill(in_hand.pop(ref).actor)
                with contextlib.suppress(RayError):  # it failed or died: the next run sees to it
                    yield ray.get(ref)
            yield Beat(len(in_hand))
            left_s = (signals.deadline or 0.0) - time.monotonic()
            if not in_hand or left_s <= 0:
                return
            wait_s = min(_BEAT_S, left_s)
            ended = set(ray.wait(list(in_hand), num_returns=1, timeout=wait_s)[0])

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
            actor = self._actor.remote()
            starting = actor.load.remote(*self._cluster.imports, self._worker, self._job)
            self._workers.append(Hand(actor, starting))

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

    def _collect(self) -> Generator[Result | Beat, None, None]:
        waiting: dict[Any, Hand] = {}
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

    def _started(self, worker: Hand) -> None:
        try:
            worker.node, worker.memory = ray.get(worker.starting)
            self._failed_starts = 0
        except (RayTaskError, *_DEATHS) as error:
            self._workers.remove(worker)
            ray.kill(worker.actor)
            cause = getattr(error, "cause", None)
            if isinstance(cause, UserError):
                raise cause from error
            self._failed_starts += 1
            enough = _STARTS if isinstance(error, RayTaskError) else _LOST_STARTS
            if self._failed_starts >= enough:
                self._cluster.check()
                raise JobError(f"the job does not start in a worker: {error}") from error

    def _ended(self, worker: Hand) -> Generator[Result, None, None]:
        # Oldest first: an earlier shard may have ended just before the worker died in a later.
        for ref, spec in list(worker.shards.items()):
            if not ray.wait([ref], timeout=0)[0]:
                return
            try:
                result = ray.get(ref)
            except RayTaskError as error:
                if isinstance(error.cause, UserError):
                    raise error.cause from error
                if isinstance(error.cause, MemoryError):
                    yield from self._died(worker, spec, error)
                    return
                result = ShardFailure(
                    spec.shard, "the worker failed", spec.attempt, None, None, str(error)
                )
            except _DEATHS as error:
                yield from self._died(worker, spec, error)
                return
            del worker.shards[ref]
            if not isinstance(result, ShardFailure) and self._is_large(worker, result.worker_bytes):
                worker.retiring = True
            yield result

    def _is_large(self, worker: Hand, held: int) -> bool:
        """Whether a worker holds more than it may keep: at most its share of its machine."""
        limit = self._settings.max_worker_bytes
        beside = sum(each.node == worker.node for each in self._workers)
        return limit is not None and held > min(limit, worker_memory(worker.memory, beside))

    def _died(
        self, worker: Hand, running: ShardSpec, error: Exception
    ) -> Generator[ShardFailure, None, None]:
        self._workers.remove(worker)
        ray.kill(worker.actor)
        waiting = [spec for spec in worker.shards.values() if spec is not running]
        self._backlog.put_back(waiting)
        attempts = self._settings.max_attempts
        if self._is_own_death(worker, error):
            again = running.after_death(read_trace(self._storage, running), attempts)
        else:
            again = running.after_loss(attempts)
        if again is None:
            yield given_up(self._storage, running, str(error))
        else:
            self._backlog.put_back([again])

    def _is_own_death(self, worker: Hand, error: Exception) -> bool:
        """Whether a worker died of what it did, rather than with its node or its connection.

        Of an actor that is "unavailable" Ray does not know; it is that for twelve seconds after
        its node is gone, and for as long the node counts as alive.
        """
        if not isinstance(error, (ActorDiedError, OutOfMemoryError, RayTaskError)):
            return False
        return worker.node is not None and self._cluster.is_alive(worker.node)
