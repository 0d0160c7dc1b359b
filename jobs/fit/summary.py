"""How a fitting ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jobs.training.summary import Told, TrainingSummary

# The name in `job.json`.
JOB = "train fit"


@dataclass(frozen=True)
class FitSummary(TrainingSummary):
    """How a fitting ended.

    Attributes:
        stage: The network.
        recall: On samples held out, at the end, as for the next two; None where they cannot tell.
        box_iou: Overlap of boxes.
        landmark_error: Error of landmarks.
        first_recall: Recall of the network that it began as; for it are the next two as well.
        first_box_iou: Overlap of boxes.
        first_landmark_error: Error of landmarks.
        made: File, relative to the output -> its SHA-256, hexadecimal.
    """

    stage: str
    recall: float | None
    box_iou: float | None
    landmark_error: float | None
    first_recall: float | None
    first_box_iou: float | None
    first_landmark_error: float | None
    made: Mapping[str, str]

    @property
    def files(self) -> Mapping[str, str]:
        """What was made."""
        return self.made

    def told(self) -> list[Told]:
        """What people are told."""
        rows = [("network", f"{self.stage.upper()}-Net", ""), *super().told()]
        for name, label, what in (
            ("recall", "recall", "at 1 % false positives, of samples held out"),
            ("box_iou", "overlap", "of boxes, likewise"),
            ("landmark_error", "landmarks", "mean error, likewise"),
        ):
            now, then = getattr(self, name), getattr(self, f"first_{name}")
            if now is not None and then is not None:
                rows.append((label, f"{now:.4f}", f"{what}; at first {then:.4f}"))
        return [*rows, ("weights", "weights.npz", "for --weights, and as ONNX beside it")]
