"""A training by several processes, through Ray Train."""

from __future__ import annotations

import contextlib
import queue
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

import ray
from ray.train import FailureConfig, RunConfig, ScalingConfig, get_context
from ray.train.torch import TorchTrainer
from ray.util.queue import Empty, Queue

from jobs.engine.interrupts import Interrupts
from jobs.engine.settings import RunSettings
from jobs.engine.workers.cluster import connect
from jobs.messages.errors import JobError, UserError
from jobs.train.loop import Place, TrainingLoop, showing
from jobs.train.ranks import Ranks
from jobs.training.progress import TrainingProgress

_ASK_S = 0.5


def train_on_ray(place: Place, signals: Interrupts) -> None:
    """Trains from the last checkpoint on, or from the beginning.

    Workers that die are started again, and go on from the last checkpoint.

    Args:
        place: From where to where; storage that all nodes reach.
        signals: Taken over again once Ray has started.

    Raises:
        UserError: Something the user has to change.
        JobError: A worker failed in another way, or too often.
        Interrupted: SIGINT or SIGTERM.
    """
    run = place.config.run
    settings = RunSettings(
        workers=run.workers,
        ray_address=run.ray_address,
        gpus_per_worker=run.gpus_per_worker,
    )
    with contextlib.ExitStack() as stack:
        stack.enter_context(connect(settings))
        signals.install()
        told = Queue()
        stack.enter_context(_shown(place, told))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mtcnn-ray-train-"))
        trainer = TorchTrainer(
            _work,
            train_loop_config={"place": place, "told": told},
            scaling_config=ScalingConfig(
                num_workers=run.workers or 1,
                use_gpu=run.device == "cuda",
                resources_per_worker={
                    "CPU": 1,
                    **({"GPU": run.gpus_per_worker} if run.gpus_per_worker else {}),
                },
            ),
            run_config=RunConfig(
                storage_path=folder,
                failure_config=FailureConfig(max_failures=run.max_attempts - 1),
            ),
        )
        try:
            trainer.fit()
        except ray.exceptions.RayError as error:
            raise _failure(error) from error


def _work(said: dict[str, Any]) -> None:
    """What each worker does."""
    context = get_context()
    ranks = Ranks(context.get_world_rank(), context.get_world_size())
    told: Queue = said["told"]
    loop = TrainingLoop(said["place"], ranks, lambda row, rate: told.put((row, rate)))
    loop.resume()
    loop.run()


@contextlib.contextmanager
def _shown(place: Place, told: Queue) -> Iterator[None]:
    """Shows what the first worker tells."""
    ended = threading.Event()
    progress = TrainingProgress(place.config.train.steps, place.config.run.line_every_s)
    shown = showing(progress)

    def show() -> None:
        while not ended.is_set():
            with contextlib.suppress(Empty, queue.Empty):
                shown(*told.get(timeout=_ASK_S))

    thread = threading.Thread(target=show, daemon=True)
    with progress:
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def _failure(error: Exception) -> Exception:
    """What to say of a training that failed: what a worker said, if it is for the user."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, UserError):
            return cause
        cause = cause.__cause__ or getattr(cause, "cause", None)
    return JobError(f"the training has failed: {str(error).strip().splitlines()[-1]}")
