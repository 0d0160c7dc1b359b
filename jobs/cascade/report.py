"""What a round has brought, in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jobs.kind.figures import Cell, Figures


@dataclass(frozen=True)
class Compared:
    """The old and the new weights at the same thresholds.

    Attributes:
        thresholds: Lowest scores that pass P-Net, R-Net and O-Net.
        subset: Which faces count, such as hard, or all.
        before: Average precision of the old weights.
        after: Average precision of the new ones.
        low: Lower end of the 95 % interval of the difference.
        high: Its upper end.
        verdict: What the interval says: better, worse or equal.
    """

    thresholds: Sequence[float]
    subset: str
    before: float
    after: float
    low: float
    high: float
    verdict: str


@dataclass(frozen=True)
class Followed:
    """Where faces are lost.

    Attributes:
        weights: Old or new.
        sizes: Longer side in pixels from which each of the following begins.
        faces: Faces of these sizes.
        left: How many of them are left after P-Net, R-Net and O-Net.
        crops: Crops a photo that R-Net and O-Net see.
        ms: Milliseconds a photo of the whole detector, on one thread.
    """

    weights: str
    sizes: Sequence[int]
    faces: Sequence[int]
    left: Sequence[Sequence[int]]
    crops: Sequence[float]
    ms: float


@dataclass(frozen=True)
class RoundReport:
    """What a round has brought.

    Attributes:
        number: From 1.
        photos: Photos held out that it was tried on.
        compared: Average precisions; those at the thresholds of the settings first.
        followed: Where faces are lost, with the old weights and the new.
        landmark_error: Median error of landmarks, old and new, of the distance of the eyes, on
            landmark photos held out; None if there are none.
        seconds: Seconds that the round took.
    """

    number: int
    photos: int
    compared: Sequence[Compared]
    followed: Sequence[Followed]
    landmark_error: Sequence[float] | None
    seconds: float

    @property
    def judged(self) -> list[Compared]:
        """What it is judged by: the comparisons at the thresholds of the settings."""
        first = self.compared[0].thresholds
        return [each for each in self.compared if list(each.thresholds) == list(first)]

    @property
    def score(self) -> float:
        """Mean of the average precisions that it is judged by."""
        return sum(each.after for each in self.judged) / len(self.judged)

    @property
    def is_better(self) -> bool:
        """Whether something is surely better, and nothing surely worse."""
        verdicts = {each.verdict for each in self.judged}
        return "better" in verdicts and "worse" not in verdicts

    def verdict(self) -> str:
        """In one sentence."""
        said = ", ".join(
            f"{each.subset} {each.after - each.before:+.3f} ({each.low:+.3f} to {each.high:+.3f})"
            for each in self.judged
        )
        what = "better than" if self.is_better else "not shown to be better than"
        return f"{what} the weights it began with, on {self.photos} photos held out: {said}"

    def figures(self) -> list[Figures]:
        """Tables of average precisions, and of the faces that are left."""
        precision = [
            (
                " ".join(f"{each:g}" for each in row.thresholds),
                row.subset,
                round(row.before, 4),
                round(row.after, 4),
                f"{row.after - row.before:+.4f}",
                f"{row.low:+.4f} to {row.high:+.4f}",
                row.verdict,
            )
            for row in self.compared
        ]
        notes = [self.verdict().capitalize() + "."]
        if self.landmark_error is not None:
            old, new = self.landmark_error
            notes.append(
                f"Median landmark error {new:.4f} of the distance of the eyes, {old:.4f} before."
            )
        columns = ("thresholds", "faces", "before", "after", "difference", "95 %", "verdict")
        title = f"Round {self.number}: average precision"
        return [
            Figures(f"round {self.number}", title, columns, precision, notes),
            self._lost(),
        ]

    def _lost(self) -> Figures:
        rows: list[tuple[Cell, ...]] = []
        for each in self.followed:
            for at, size in enumerate(each.sizes):
                if each.faces[at]:
                    shares = (round(some[at] / each.faces[at], 3) for some in each.left)
                    rows.append((each.weights, f"from {size} px", each.faces[at], *shares))
        notes = [
            f"With the {each.weights} weights {each.crops[0]:,.0f} crops a photo come to R-Net, "
            f"{each.crops[1]:,.0f} to O-Net, in {each.ms:.1f} ms."
            for each in self.followed
        ]
        columns = ("weights", "size", "faces", "after P", "after R", "after O")
        return Figures(f"recall {self.number}", "Faces still there", columns, rows, notes)


def best_of(reports: Sequence[RoundReport]) -> RoundReport:
    """The round whose weights are kept: the one with the highest score."""
    return max(reports, key=lambda report: report.score)
