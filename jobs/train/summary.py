"""How a training for vectors ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jobs.training.summary import Told, TrainingSummary

# The name in `job.json`.
JOB = "train embedding"


@dataclass(frozen=True)
class EmbeddingSummary(TrainingSummary):
    """How a training ended.

    Attributes:
        epochs: Whole epochs.
        accuracy: Share of the pairs held out that is told rightly at the end; None without any.
        best_accuracy: The best of all trials.
        model: The network, relative to the output.
        sha256: Its digest, hexadecimal.
    """

    epochs: int
    accuracy: float | None
    best_accuracy: float | None
    model: str
    sha256: str

    @property
    def files(self) -> Mapping[str, str]:
        """The network."""
        return {self.model: self.sha256}

    def told(self) -> list[Told]:
        """What people are told."""
        rows = super().told()
        if self.accuracy is not None:
            best = f"of pairs held out told rightly, at best {self.best_accuracy:.3f}"
            rows.append(("accuracy", f"{self.accuracy:.3f}", best))
        return [*rows, ("network", self.model, f"SHA-256 {self.sha256[:12]}...")]
