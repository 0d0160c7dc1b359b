"""What a network of the cascade learns from: faces, boxes and landmarks."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from mtcnn_core.settings.fitting import FittingSettings

_SMOOTH = 0.02
_LEAST = 1e-6


def classification_loss(logits: Tensor, targets: Tensor, settings: FittingSettings) -> Tensor:
    """Returns the loss of telling faces from the rest.

    Args:
        logits: ``(n,)``.
        targets: ``(n,)``, 0 to 1: how surely each is a face.
        settings: Which loss.
    """
    entropy = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    if settings.classification == "ohem":
        return entropy.topk(max(1, int(settings.keep * len(entropy)))).values.mean()
    if settings.classification == "focal":
        unsure = (targets - torch.sigmoid(logits)).abs() ** settings.gamma
        # So that its size is that of the others for a network that knows nothing.
        return 2**settings.gamma * (unsure.detach() * entropy).mean()
    return entropy.mean()


def box_loss(offsets: Tensor, targets: Tensor, settings: FittingSettings) -> Tensor:
    """Returns the loss of boxes.

    Args:
        offsets: ``(n, 4)``: of x1, y1, x2, y2 from the square, as fractions of its side.
        targets: ``(n, 4)``: what they should be.
        settings: Which loss.
    """
    if settings.box_loss == "squared":
        return (offsets - targets).square().sum(1).mean()
    return (1 - _giou(offsets, targets)).mean()


def landmark_loss(points: Tensor, targets: Tensor, settings: FittingSettings) -> Tensor:
    """Returns the loss of landmarks.

    Args:
        points: ``(n, 10)``: five x, then five y, as fractions of the side.
        targets: ``(n, 5, 2)``: what they should be, as x, y.
        settings: Which loss.
    """
    placed = points.reshape(-1, 2, 5).transpose(1, 2)
    if settings.landmark_loss == "squared":
        return (placed - targets).square().sum((1, 2)).mean()
    away = functional.smooth_l1_loss(placed, targets, reduction="none", beta=_SMOOTH)
    return away.sum((1, 2)).mean()


def _giou(offsets: Tensor, targets: Tensor) -> Tensor:
    """Generalised intersection over union of boxes, ``(n,)``; Rezatofighi et al. (2019)."""
    square = torch.tensor([0.0, 0.0, 1.0, 1.0], device=offsets.device)
    found, true = offsets + square, targets + square
    shared = _area(
        torch.maximum(found[:, :2], true[:, :2]), torch.minimum(found[:, 2:], true[:, 2:])
    )
    hull = _area(torch.minimum(found[:, :2], true[:, :2]), torch.maximum(found[:, 2:], true[:, 2:]))
    union = _area(found[:, :2], found[:, 2:]) + _area(true[:, :2], true[:, 2:]) - shared
    return shared / union.clamp(min=_LEAST) - (hull - union) / hull.clamp(min=_LEAST)


def _area(low: Tensor, high: Tensor) -> Tensor:
    return (high - low).clamp(min=0).prod(1)
