"""How a training ended, as a record of its output."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from jobs.engine.identity import read_identity, require_identity
from jobs.engine.records import read_record, write_record
from jobs.storage.storage import Storage

# The name in `job.json`.
JOB = "train embedding"
SUMMARY = "_job/summary.json"

_FIX = "delete it, and run the same command again"


@dataclass(frozen=True)
class TrainingSummary:
    """How a training ended.

    Attributes:
        steps: Steps in all.
        epochs: Whole epochs.
        crops: Crops learned from.
        seconds: Seconds of training, over all runs.
        loss: Mean of the last stretch.
        accuracy: Share of the pairs held out that is told rightly at the end; None without any.
        best_accuracy: The best of all trials.
        model: The network, relative to the output.
        sha256: Its digest, hexadecimal.
    """

    steps: int
    epochs: int
    crops: int
    seconds: float
    loss: float
    accuracy: float | None
    best_accuracy: float | None
    model: str
    sha256: str

    def write(self, storage: Storage) -> None:
        """Records it."""
        write_record(storage, SUMMARY, asdict(self))


def read_summary(storage: Storage) -> TrainingSummary | None:
    """How a training ended; None if it has not.

    Raises:
        RecordError: The record of it is damaged.
    """
    try:
        return read_record(storage, SUMMARY, TrainingSummary, _FIX)
    except FileNotFoundError:
        return None


def is_training(output: str, options: Mapping[str, Any]) -> bool:
    """Whether an output is that of a training."""
    identity = read_identity(Storage(output, options))
    return identity is not None and identity.job == JOB


@dataclass(frozen=True)
class TrainingStatus:
    """How far a training is.

    Attributes:
        steps: Steps in all.
        steps_done: Steps that need not be done again.
        log: Its last row, column -> text.
        summary: How it ended; None if it has not.
    """

    steps: int
    steps_done: int
    log: Mapping[str, str]
    summary: TrainingSummary | None


def training_status(output: str, options: Mapping[str, Any]) -> TrainingStatus:
    """How far a training is: while it runs, and after."""
    storage = Storage(output, options)
    steps = int(require_identity(storage).config["train"]["steps"])
    try:
        header, *rows = storage.read_bytes("log.csv").decode().splitlines()
    except FileNotFoundError:
        return TrainingStatus(steps, 0, {}, None)
    last = dict(zip(header.split(","), rows[-1].split(","), strict=True))
    return TrainingStatus(steps, int(last["step"]), last, read_summary(storage))


def training_problems(output: str, options: Mapping[str, Any]) -> list[str]:
    """What is wrong with the output of a training, a sentence each."""
    storage = Storage(output, options)
    require_identity(storage)
    summary = read_summary(storage)
    if summary is None:
        return ["The training has not ended; run the same command again."]
    try:
        data = storage.read_bytes(summary.model)
    except FileNotFoundError:
        return [f"{summary.model} is missing."]
    if hashlib.sha256(data).hexdigest() != summary.sha256:
        return [f"{summary.model} is not as it was written."]
    return []
