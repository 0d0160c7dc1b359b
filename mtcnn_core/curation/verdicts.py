"""What is decided about each face, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.curation.columns import Floats, Names, Rows

# How many faces are named that speak for a verdict.
EVIDENCE = 3


class Verdict(IntEnum):
    """What should become of a face; ``name`` is the word for it."""

    keep = 0
    drop = 1
    move = 2
    merge = 3


class Reason(IntEnum):
    """Why; ``name`` is the word for it."""

    none = 0
    other_face = 1
    not_like_identity = 2
    duplicate = 3
    same_person = 4
    two_persons = 5
    quality = 6


@dataclass(frozen=True, eq=False)
class Verdicts:
    """Verdicts on faces, a row each, in the order of the faces.

    Attributes:
        verdict: int8 ``(n,)``, values of :class:`Verdict`.
        reason: int8 ``(n,)``, values of :class:`Reason`.
        score: float32 ``(n,)``: what the reason was decided by, see README.md; NaN where nothing
            was measured.
        identity: int32 ``(n,)``: the cleaned label. Below the number of labels one of them, above
            it a new identity; -1 where the face is of none.
        evidence: int64 ``(n, 3)``: rows of faces that speak for the verdict, the strongest first;
            -1 where there are no more.
        split_from: int32 ``(m,)``: for each new identity, in order, the label it was split from;
            -1 for one that was found among faces without labels.
    """

    verdict: NDArray[np.int8]
    reason: NDArray[np.int8]
    score: Floats
    identity: Names
    evidence: Rows
    split_from: Names

    def __len__(self) -> int:
        return len(self.verdict)

    @classmethod
    def keep_all(cls, label: Names) -> Verdicts:
        """Returns verdicts that keep every face under its label, to be written to."""
        n = len(label)
        return cls(
            np.zeros(n, np.int8),
            np.zeros(n, np.int8),
            np.full(n, np.nan, np.float32),
            label.astype(np.int32, copy=True),
            np.full((n, EVIDENCE), -1, np.int64),
            np.empty(0, np.int32),
        )

    def set(
        self,
        rows: Rows,
        verdict: Verdict,
        reason: Reason,
        *,
        score: Floats,
        identity: Names | int,
        evidence: Rows,
    ) -> None:
        """Writes one verdict on some faces.

        Args:
            rows: int64 ``(k,)``.
            verdict: What should become of them.
            reason: Why.
            score: float32 ``(k,)``.
            identity: int32 ``(k,)``, or one for all.
            evidence: int64 ``(k, up to 3)``.
        """
        self.verdict[rows] = verdict
        self.reason[rows] = reason
        self.score[rows] = score
        self.identity[rows] = identity
        self.evidence[rows] = -1
        self.evidence[rows, : evidence.shape[1]] = evidence
