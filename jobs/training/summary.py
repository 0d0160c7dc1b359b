"""How a training ended, as a record of its output, and what that must still hold."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

from jobs.engine.identity import require_identity
from jobs.engine.records import read_record, write_record
from jobs.storage.storage import Storage
from jobs.training.log import NAME as LOG

SUMMARY = "_job/summary.json"

_FIX = "delete it, and run the same command again"

# A line for people: what, how much, and a remark.
Told = tuple[str, str, str]


@dataclass(frozen=True)
class TrainingSummary:
    """How a training ended; each kind adds what it has to tell.

    Attributes:
        steps: Steps in all.
        crops: Crops learned from.
        seconds: Seconds of training, over all runs.
        loss: Mean of the last stretch.
    """

    steps: int
    crops: int
    seconds: float
    loss: float

    @property
    def files(self) -> Mapping[str, str]:
        """What was made, relative to the output -> its SHA-256, hexadecimal."""
        raise NotImplementedError

    def told(self) -> list[Told]:
        """What people are told."""
        return [
            ("steps", f"{self.steps:,}", f"{self.crops:,} crops learned from"),
            ("loss", f"{self.loss:.4f}", f"in {self.seconds:,.0f} s of training"),
        ]

    def write(self, storage: Storage) -> None:
        """Records it."""
        write_record(storage, SUMMARY, asdict(self))


AnySummary = TypeVar("AnySummary", bound=TrainingSummary)


def read_summary(storage: Storage, kind: type[AnySummary]) -> AnySummary | None:
    """How a training ended; None if it has not.

    Raises:
        RecordError: The record of it is damaged.
    """
    try:
        return read_record(storage, SUMMARY, kind, _FIX)
    except FileNotFoundError:
        return None


@dataclass(frozen=True)
class TrainingStatus(Generic[AnySummary]):
    """How far a training is.

    Attributes:
        steps: Steps in all; None if that is not decided yet.
        steps_done: Steps that need not be done again.
        log: Its last row, column -> text.
        summary: How it ended; None if it has not.
    """

    steps: int | None
    steps_done: int
    log: Mapping[str, str]
    summary: AnySummary | None


def training_status(
    output: str, options: Mapping[str, Any], kind: type[AnySummary]
) -> TrainingStatus[AnySummary]:
    """How far a training is: while it runs, and after."""
    storage = Storage(output, options)
    summary = read_summary(storage, kind)
    steps = summary.steps if summary else planned_steps(storage)
    try:
        header, *rows = storage.read_bytes(LOG).decode().splitlines()
    except FileNotFoundError:
        return TrainingStatus(steps, 0, {}, summary)
    last = dict(zip(header.split(","), rows[-1].split(","), strict=True))
    return TrainingStatus(steps, int(last["step"]), last, summary)


def planned_steps(storage: Storage) -> int | None:
    """Steps of a training in all, as far as its settings say."""
    config = require_identity(storage).config
    steps = (section.get("steps") for section in config.values() if isinstance(section, Mapping))
    return next((int(each) for each in steps if each is not None), None)


def training_problems(output: str, options: Mapping[str, Any], kind: type[AnySummary]) -> list[str]:
    """What is wrong with the output of a training, a sentence each."""
    storage = Storage(output, options)
    summary = read_summary(storage, kind)
    if summary is None:
        return ["The training has not ended; run the same command again."]
    problems = []
    for path, sha256 in summary.files.items():
        try:
            data = storage.read_bytes(path)
        except FileNotFoundError:
            problems.append(f"{path} is missing.")
            continue
        if hashlib.sha256(data).hexdigest() != sha256:
            problems.append(f"{path} is not as it was written.")
    return problems
