"""What is known of each stretch of a fitting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from jobs.training.curve import Line
from jobs.training.log import Stretch


@dataclass(frozen=True)
class LogRow(Stretch):
    """A stretch of a fitting.

    Attributes:
        classification: Mean loss of telling faces from the rest, before its weight; None if the
            stretch had none, as for the next two.
        box: Mean loss of boxes.
        landmark: Mean loss of landmarks.
        recall: At its end, on samples held out: see :class:`mtcnn_core.fitting.trial.Trial`, as for
            the next two; None where there was no trial.
        box_iou: Overlap of their boxes.
        landmark_error: Error of their landmarks.
    """

    classification: float | None = None
    box: float | None = None
    landmark: float | None = None
    recall: float | None = None
    box_iou: float | None = None
    landmark_error: float | None = None


def rows_of(records: Sequence[dict[str, Any]]) -> list[LogRow]:
    """Rows as a checkpoint has them."""
    return [LogRow(**record) for record in records]


def records_of(rows: Sequence[LogRow]) -> list[dict[str, Any]]:
    """Rows as a checkpoint takes them."""
    return [asdict(row) for row in rows]


def lines_of(rows: Sequence[LogRow]) -> list[Line]:
    """What is drawn."""
    lines = [Line("loss", {row.step: row.loss for row in rows}, noisy=True)]
    for name, label in (("recall", "recall at 1 % false positives"), ("box_iou", "overlap")):
        points = {row.step: value for row in rows if (value := getattr(row, name)) is not None}
        lines.append(Line(label, points))
    return lines
