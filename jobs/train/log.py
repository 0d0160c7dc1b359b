"""What is known of each stretch of a training, as rows and as a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

NAME = "log.csv"


@dataclass(frozen=True)
class LogRow:
    """A stretch of a training.

    Attributes:
        step: Steps so far.
        epoch: The epoch it ended in, from 0.
        seconds: Seconds of training so far, over all runs; trials are not counted.
        crops: Crops learned from so far.
        loss: Mean of its steps.
        learning_rate: Learning rate of its last step.
        accuracy: On the pairs held out, at its end; None where there was no trial.
        deviation: Standard deviation of the accuracy over ten folds.
        tar: True accept rate at a false accept rate of 1 in 100.
    """

    step: int
    epoch: int
    seconds: float
    crops: int
    loss: float
    learning_rate: float
    accuracy: float | None = None
    deviation: float | None = None
    tar: float | None = None


def rows_of(records: Sequence[dict[str, Any]]) -> list[LogRow]:
    """Rows as a checkpoint has them."""
    return [LogRow(**record) for record in records]


def records_of(rows: Sequence[LogRow]) -> list[dict[str, Any]]:
    """Rows as a checkpoint takes them."""
    return [asdict(row) for row in rows]


def as_csv(rows: Sequence[LogRow]) -> bytes:
    """Rows as a CSV file; what is not known is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in fields(LogRow))
    for row in rows:
        writer.writerow(_text(value) for value in asdict(row).values())
    return text.getvalue().encode()


def _text(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
