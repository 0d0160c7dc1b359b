"""What is known of each stretch of a training for vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from jobs.training.log import Stretch


@dataclass(frozen=True)
class LogRow(Stretch):
    """A stretch of a training, and how well pairs are told at its end.

    Attributes:
        accuracy: On the pairs held out, at its end; None where there was no trial.
        deviation: Standard deviation of the accuracy over ten folds.
        tar: True accept rate at a false accept rate of 1 in 100.
    """

    accuracy: float | None = None
    deviation: float | None = None
    tar: float | None = None


def rows_of(records: Sequence[dict[str, Any]]) -> list[LogRow]:
    """Rows as a checkpoint has them."""
    return [LogRow(**record) for record in records]


def records_of(rows: Sequence[LogRow]) -> list[dict[str, Any]]:
    """Rows as a checkpoint takes them."""
    return [asdict(row) for row in rows]
