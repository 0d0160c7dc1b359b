"""`train fit`: from samples to weights, resumed where it was stopped."""

from __future__ import annotations

import hashlib
from dataclasses import asdict

from jobs.engine.identity import Identity, package_versions
from jobs.engine.interrupts import Interrupts
from jobs.engine.lease.lease import Lease
from jobs.fit.beginning import Beginning, begin, decided, timer
from jobs.fit.config import FitConfig
from jobs.fit.exporting import files_of
from jobs.fit.summary import JOB, FitSummary
from jobs.messages.errors import Interrupted
from jobs.sources.overlap import check_apart
from jobs.storage.storage import Storage
from jobs.training.driving import GRACE_S, drive
from jobs.training.progress import TrainingProgress
from jobs.training.requirements import check_installed
from mtcnn_core.weights.arrays import Weights

_PACKAGES = ("torch", "mtcnn-ray", "numpy")


def fit(samples: str, output: str, config: FitConfig) -> FitSummary:
    """Fits a network of the cascade to samples. The same call resumes it.

    Args:
        samples: Local path or fsspec URL of an output of `train samples`.
        output: Folder for checkpoints, log, curve and weights.
        config: All settings.

    Raises:
        jobs.messages.errors.UserError: Something the user has to change.
        jobs.messages.errors.NotNowError: Another training writes there.
        jobs.messages.errors.Interrupted: SIGINT or SIGTERM; the same call resumes.
        mtcnn_core.weights.errors.WeightsError: There are no such weights.
    """
    check_installed(config.run.device)
    for url in (samples, config.input.landmarks):
        if url is not None:
            check_apart(url, output)
    beginning = begin(samples, config)
    config = config.model_copy(update={"fit": beginning.settings})
    upstream = {"samples": beginning.samples.state}
    if beginning.landmarks is not None:
        upstream["landmark samples"] = beginning.landmarks.state
    identity = Identity(
        config=config.identity(),
        digest=config.digest(),
        models=dict(beginning.weights.digests),
        packages=package_versions(_PACKAGES),
        input=samples,
        job=JOB,
        defaults=FitConfig().identity(),
        upstream=upstream,
    )
    storage = Storage(output, config.output.storage_options)
    fitting = _Fitting(storage, beginning, config)
    return drive(storage, identity, FitSummary, fitting.learn, fitting.conclude)


class _Fitting:
    """One run of a fitting."""

    def __init__(self, storage: Storage, beginning: Beginning, config: FitConfig) -> None:
        self._storage, self._beginning, self._config = storage, beginning, config

    def learn(self, signals: Interrupts, lease: Lease) -> None:
        """Learns to the last step."""
        # Imported here: a fitting that has ended is told without PyTorch.
        from jobs.fit.loop import FittingLoop

        config, beginning = self._config, self._beginning
        settings = decided(self._storage, beginning, config, timer(beginning, config))
        progress = TrainingProgress(settings.steps, config.run.line_every_s)
        self._loop = FittingLoop(self._storage, beginning, settings, config, progress, lease.check)
        self._loop.resume()
        with progress, signals.draining(GRACE_S):
            self._loop.run(lambda: signals.deadline is not None)
        if self._loop.step < settings.steps:
            raise Interrupted("Interrupted.")

    def conclude(self) -> FitSummary:
        """Writes the weights of the whole cascade, and tells how it ended."""
        beginning, loop = self._beginning, self._loop
        name = beginning.network.name
        weights = Weights({**beginning.weights.arrays, name: loop.arrays()})
        made = {}
        for path, data in files_of(weights).items():
            self._storage.publish_bytes(data, path)
            made[path] = hashlib.sha256(data).hexdigest()
        last = loop.rows[-1]
        first = {f"first_{key}": value for key, value in asdict(loop.first).items()}
        return FitSummary(
            steps=last.step,
            crops=last.crops,
            seconds=last.seconds,
            loss=last.loss,
            stage=beginning.stage,
            recall=last.recall,
            box_iou=last.box_iou,
            landmark_error=last.landmark_error,
            **first,
            made=made,
        )
