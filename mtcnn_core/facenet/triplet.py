"""The triplet loss with the semi-hard negatives of a batch (Schroff et al., 2015, section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TripletLoss(nn.Module):
    """Mean of |a - p|^2 - |a - n|^2 + margin over all semi-hard triplets of a batch.

    Those are the ones with |a - p|^2 < |a - n|^2 < |a - p|^2 + margin, a and p of one identity, n
    of another; where there are none it is zero.

    How often each distance takes part is counted by sorting those of an anchor, so that memory
    grows with the square of the batch and not with its cube.

    Args:
        margin: Between squared distances.

    Attributes:
        mined: Triplets of the last batch.
    """

    def __init__(self, margin: float = 0.2) -> None:
        super().__init__()
        self._margin = margin
        self.mined = 0

    def forward(self, vectors: Tensor, class_ids: Tensor) -> Tensor:
        """Returns the loss.

        Args:
            vectors: float32 ``(n, d)``, of length 1.
            class_ids: int64 ``(n,)``.
        """
        squares = (2 - 2 * vectors @ vectors.T).clamp_min(0)
        with torch.no_grad():
            of_positives, of_negatives = self._counts(squares, class_ids)
        count = of_positives.sum()
        self.mined = int(count)
        total = (squares * (of_positives - of_negatives)).sum() + self._margin * count
        loss: Tensor = total / count.clamp_min(1)
        return loss

    def _counts(self, squares: Tensor, class_ids: Tensor) -> tuple[Tensor, Tensor]:
        """How many triplets each distance is in: as that of a positive, as that of a negative."""
        same = class_ids[:, None] == class_ids[None, :]
        positive = same.clone().fill_diagonal_(False)
        negatives, order = squares.masked_fill(same, torch.inf).sort(1)
        low = torch.searchsorted(negatives, squares, right=True)
        high = torch.searchsorted(negatives, squares + self._margin)
        of_positives = ((high - low).clamp_min(0) * positive).to(squares.dtype)
        # One more from `low` on, one less from `high` on.
        turns = squares.new_zeros(len(squares), squares.shape[1] + 1)
        counted = (positive & (high > low)).to(squares.dtype)
        turns.scatter_add_(1, low, counted).scatter_add_(1, high, -counted)
        of_negatives = torch.zeros_like(squares).scatter_(1, order, turns.cumsum(1)[:, :-1])
        return of_positives, of_negatives
