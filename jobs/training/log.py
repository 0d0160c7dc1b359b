"""What is known of each stretch of a training, as a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

NAME = "log.csv"


@dataclass(frozen=True)
class Stretch:
    """A stretch of a training; each training adds what it has to tell.

    Attributes:
        step: Steps so far.
        epoch: The epoch it ended in, from 0.
        seconds: Seconds of training so far, over all runs; trials are not counted.
        crops: Crops learned from so far.
        loss: Mean of its steps.
        learning_rate: Learning rate of its last step.
    """

    step: int
    epoch: int
    seconds: float
    crops: int
    loss: float
    learning_rate: float


def as_csv(rows: Sequence[Stretch]) -> bytes:
    """Rows of one kind as a CSV file; what is not known is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in fields(rows[0]))
    for row in rows:
        writer.writerow(_text(value) for value in asdict(row).values())
    return text.getvalue().encode()


def _text(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
