"""How a training ended, as a record of its output."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from jobs.engine.records import read_record, write_record
from jobs.storage.storage import Storage

SUMMARY = "_job/summary.json"

_FIX = "delete it, and run the same command again"


@dataclass(frozen=True)
class TrainingSummary:
    """How a training ended.

    Attributes:
        steps: Steps in all.
        epochs: Whole epochs.
        crops: Crops learned from.
        seconds: Of training, over all runs.
        loss: Mean of the last stretch.
        accuracy: Of the pairs held out, told rightly at the end; None if none were held out.
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
