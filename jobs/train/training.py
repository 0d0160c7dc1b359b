"""`train embedding`: from a feed to a network, resumed where it was stopped."""

from __future__ import annotations

import hashlib

from jobs.engine.identity import Identity, package_versions
from jobs.engine.interrupts import Interrupts
from jobs.engine.lease.lease import Lease
from jobs.messages.errors import Interrupted, JobError
from jobs.sources.overlap import check_apart
from jobs.storage.storage import Storage
from jobs.train.config import EmbeddingTrainingConfig
from jobs.train.summary import JOB, EmbeddingSummary
from jobs.training.driving import GRACE_S, drive
from jobs.training.progress import TrainingProgress
from jobs.training.requirements import check_installed
from jobs.upstream import Upstream

MODEL = "model.onnx"

_NEEDED = {"torchdata": "torchdata", "pytorch_metric_learning": "pytorch-metric-learning"}
_PACKAGES = ("torch", "torchdata", "pytorch-metric-learning", "mtcnn-ray", "opencv-python-headless")


def train_embedding(feed: str, output: str, config: EmbeddingTrainingConfig) -> EmbeddingSummary:
    """Trains a network on a feed. The same call resumes it; one that has ended returns at once.

    Args:
        feed: Local path or fsspec URL of an output of `feed`.
        output: Folder for checkpoints, log, curve and the network.
        config: All settings.

    Raises:
        jobs.messages.errors.UserError: Something the user has to change.
        jobs.messages.errors.NotNowError: Another training writes there.
        jobs.messages.errors.Interrupted: SIGINT or SIGTERM; the same call resumes.
    """
    check_installed(config.run.device, _NEEDED)
    check_apart(feed, output)
    storage = Storage(output, config.output.storage_options)
    upstream = Upstream(feed, config.input.storage_options, "feed")
    identity = Identity(
        config=config.identity(),
        digest=config.digest(),
        packages=package_versions(_PACKAGES),
        input=feed,
        job=JOB,
        defaults=EmbeddingTrainingConfig().identity(),
        upstream={"faces": upstream.state},
    )
    return drive(
        storage,
        identity,
        EmbeddingSummary,
        lambda signals, lease: _learn(feed, output, config, signals, lease),
        lambda: _export(feed, output, config),
        lambda: _prepare(feed, config),
    )


def _prepare(feed: str, config: EmbeddingTrainingConfig) -> None:
    # Imported here: a training that has ended is told without PyTorch.
    from jobs.train.batches import check_batches
    from jobs.train.exporting import feeding

    feeding(feed, config)  # raises now rather than at the end
    check_batches(feed, config)


def _learn(
    feed: str, output: str, config: EmbeddingTrainingConfig, signals: Interrupts, lease: Lease
) -> None:
    from jobs.train.loop import Place, TrainingLoop, showing

    place = Place(feed, output, config)
    run = config.run
    if run.workers:
        from jobs.train.on_ray import train_on_ray

        train_on_ray(place, signals)
        return
    progress = TrainingProgress(config.train.steps, run.line_every_s)
    loop = TrainingLoop(place, show=showing(progress), check=lease.check)
    loop.resume()
    with progress, signals.draining(GRACE_S):
        loop.run(lambda: signals.deadline is not None)
    if loop.step < config.train.steps:
        raise Interrupted("Interrupted.")


def _export(feed: str, output: str, config: EmbeddingTrainingConfig) -> EmbeddingSummary:
    from jobs.train.exporting import exported
    from jobs.train.log import rows_of
    from jobs.training.checkpoints import Checkpoints

    storage = Storage(output, config.output.storage_options)
    state = Checkpoints(storage, config.run.checkpoints).latest()
    if state is None or state["step"] < config.train.steps:
        raise JobError(f"the training in '{output}' has ended without its last checkpoint")
    data = exported(state["learner"]["network"], feed, config)
    storage.publish_bytes(data, MODEL)
    rows = rows_of(state["rows"])
    accuracies = [row.accuracy for row in rows if row.accuracy is not None]
    return EmbeddingSummary(
        steps=state["step"],
        epochs=rows[-1].epoch,
        crops=state["crops"],
        seconds=state["seconds"],
        loss=rows[-1].loss,
        accuracy=rows[-1].accuracy,
        best_accuracy=max(accuracies, default=None),
        model=MODEL,
        sha256=hashlib.sha256(data).hexdigest(),
    )
