"""`train cascade`: from photos with boxes to weights, resumed where it was stopped."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from jobs.cascade.config import CascadeConfig
from jobs.cascade.held_out import HeldOut
from jobs.cascade.report import RoundReport, best_of
from jobs.cascade.rounds import Inputs, Rounds, landmark_photos
from jobs.cascade.summary import JOB, CascadeSummary
from jobs.engine.identity import Identity, package_versions
from jobs.engine.interrupts import Interrupts
from jobs.engine.lease.lease import Lease
from jobs.engine.records import create_record, read_record
from jobs.fit.exporting import files_of
from jobs.kind.job_kind import Show
from jobs.messages.errors import UserError
from jobs.models import check_free, import_model
from jobs.sources.overlap import check_apart
from jobs.storage.storage import Storage
from jobs.training.curve import Line, draw_curve
from jobs.training.driving import drive
from jobs.training.requirements import check_installed
from jobs.truth.faces import read_ground_truth
from mtcnn_core.weights.load import ARRAYS, load_weights

REPORT, CURVE = "report.json", "rounds.svg"

_PACKAGES = ("torch", "mtcnn-ray", "numpy", "opencv-python-headless", "pillow")
_FIX = "delete it, and run the same command again"


def train_cascade(
    photos: str, truth: str, output: str, config: CascadeConfig, show: Show
) -> CascadeSummary:
    """Trains the networks of the cascade. The same call goes on where it was stopped.

    Args:
        photos: Local path or fsspec URL of photos.
        truth: Where their ground truth is.
        output: Folder on this machine for what is made.
        config: All settings.
        show: Told of figures.

    Raises:
        jobs.messages.errors.UserError: Something the user has to change.
        jobs.messages.errors.NotNowError: Another training writes there.
        jobs.messages.errors.Interrupted: SIGINT or SIGTERM; the same call goes on.
        mtcnn_core.weights.errors.WeightsError: There are no such weights, or the name is taken.
    """
    check_installed("cpu")
    check_apart(photos, output)
    storage = Storage(output, config.output.storage_options)
    if not storage.local:
        raise UserError(f"'{output}' is not on this machine, and networks are: give a folder here")
    if config.cascade.name is not None:
        check_free(config.cascade.name, replace=config.cascade.replace)
    inputs = _inputs(photos, truth, config)
    upstream = {"ground truth": read_ground_truth(truth).digest}
    if config.cascade.landmarks is not None:
        upstream["landmarks"] = read_ground_truth(config.cascade.landmarks).digest
    identity = Identity(
        config=config.identity(),
        digest=config.digest(),
        models=dict(load_weights(config.detect.weights).digests),
        packages=package_versions(_PACKAGES),
        input=photos,
        job=JOB,
        defaults=CascadeConfig().identity(),
        upstream=upstream,
    )
    training = _Training(storage, Path(os.path.abspath(output)), inputs, config, show)
    return drive(storage, identity, CascadeSummary, training.learn, training.conclude)


def _inputs(photos: str, truth: str, config: CascadeConfig) -> Inputs:
    landmarks = None
    if config.cascade.landmarks is not None:
        landmarks = HeldOut(landmark_photos(config), config.cascade.landmarks, config)
    return Inputs(photos, truth, HeldOut(photos, truth, config), landmarks)


class _Training:
    """One run of a training."""

    def __init__(
        self, storage: Storage, folder: Path, inputs: Inputs, config: CascadeConfig, show: Show
    ) -> None:
        self._storage, self._folder, self._config = storage, folder, config
        self._inputs, self._show = inputs, show
        self._reports: list[RoundReport] = []

    def learn(self, signals: Interrupts, lease: Lease) -> None:
        """Goes through the rounds that are not done yet."""
        self._rounds = Rounds(self._folder, self._inputs, self._config, self._show, lease.check)
        for number in range(1, self._config.cascade.rounds + 1):
            path = f"_job/rounds/{number}.json"
            try:
                report = read_record(self._storage, path, RoundReport, _FIX)
            except FileNotFoundError:
                report = self._rounds.run(number)
                signals.install()  # Ray has had them meanwhile
                create_record(self._storage, path, asdict(report))
            self._reports.append(report)
            for figures in report.figures():
                self._show(figures)
            self._publish()

    def _publish(self) -> None:
        told = [{**asdict(each), "verdict": each.verdict()} for each in self._reports]
        text = json.dumps(told, indent=1)
        self._storage.publish_bytes(f"{text}\n".encode(), REPORT)
        self._storage.publish_bytes(draw_curve(_lines(self._reports), "", "rounds"), CURVE)

    def conclude(self) -> CascadeSummary:
        """Keeps the weights of the best round, and imports them."""
        best = best_of(self._reports)
        made = {}
        for file, data in files_of(load_weights(self._rounds.weights_after(best.number))).items():
            self._storage.publish_bytes(data, file)
            made[file] = hashlib.sha256(data).hexdigest()
        name = self._config.cascade.name
        if name is not None:
            graphs = [self._folder / file for file in made if file != ARRAYS]
            import_model(graphs, name, replace=self._config.cascade.replace)
        numbers = range(1, self._config.cascade.rounds + 1)
        fits = [fit for number in numbers for fit in self._rounds.fits(number)]
        return CascadeSummary(
            steps=sum(fit.steps for fit in fits),
            crops=sum(fit.crops for fit in fits),
            seconds=sum(fit.seconds for fit in fits),
            loss=fits[-1].loss,
            round=best.number,
            rounds=len(self._reports),
            is_better=best.is_better,
            verdict=best.verdict(),
            name=name or "",
            made=made,
        )


def _lines(reports: Sequence[RoundReport]) -> list[Line]:
    """Average precision of each subset after each round; before the first at 0."""
    first = reports[0].judged
    return [
        Line(
            f"AP, {each.subset}",
            {
                0: each.before,
                **{report.number: report.judged[at].after for report in reports},
            },
        )
        for at, each in enumerate(first)
    ]
