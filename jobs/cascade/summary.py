"""How the training of a cascade ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jobs.training.summary import Told, TrainingSummary

# The name in `job.json`.
JOB = "train cascade"


@dataclass(frozen=True)
class CascadeSummary(TrainingSummary):
    """How the training of a cascade ended.

    Attributes:
        round: The round whose weights are kept.
        rounds: Rounds in all.
        is_better: Whether the weights are shown to be better than those it began with.
        verdict: A sentence that says so, with figures.
        name: Under which they were imported; empty if they were not.
        made: File, relative to the output -> its SHA-256, hexadecimal.
    """

    round: int
    rounds: int
    is_better: bool
    verdict: str
    name: str
    made: Mapping[str, str]

    @property
    def files(self) -> Mapping[str, str]:
        """What was made."""
        return self.made

    def told(self) -> list[Told]:
        """What people are told."""
        rows = super().told()
        rows.append(("kept", f"round {self.round}", f"of {self.rounds}, by the photos held out"))
        rows.append(("verdict", "better" if self.is_better else "not better", self.verdict))
        how = f"--weights {self.name}" if self.name else "for --weights, and as ONNX beside it"
        return [*rows, ("weights", "weights.npz", how)]
