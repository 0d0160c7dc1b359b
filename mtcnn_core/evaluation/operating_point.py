"""How good the detections are as they are handed out, at the detector's own thresholds."""

from __future__ import annotations

from dataclasses import dataclass

from mtcnn_core.evaluation.wider_face import Counts


@dataclass(frozen=True)
class OperatingPoint:
    """What all detections together come to.

    Attributes:
        faces: Faces to be found.
        hits: Those found.
        proposals: Detections that count: right ones, and wrong ones.
    """

    faces: int
    hits: int
    proposals: int

    @property
    def recall(self) -> float:
        """The share of the faces that are found; NaN if there is none."""
        return self.hits / self.faces if self.faces else float("nan")

    @property
    def precision(self) -> float:
        """The share of the detections that are right; NaN if there is none."""
        return self.hits / self.proposals if self.proposals else float("nan")


def operating_point(counts: Counts) -> OperatingPoint:
    """Adds up what every detection does, with the matching of the official protocol."""
    # The last threshold is the lowest score there is.
    return OperatingPoint(
        faces=int(counts.faces.sum()),
        hits=int(counts.hits[:, -1].sum()),
        proposals=int(counts.proposals[:, -1].sum()),
    )
