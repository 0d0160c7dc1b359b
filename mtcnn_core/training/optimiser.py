"""What changes the weights in each step, and by how much."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch

from mtcnn_core.settings.training import OptimiserSettings


def build_optimiser(
    parameters: Iterable[torch.nn.Parameter], settings: OptimiserSettings
) -> torch.optim.Optimizer:
    """Returns an optimiser; decay is for weights that are multiplied, and not for what is added.

    Args:
        parameters: What is trained: those of the network and of its loss.
        settings: Which, and how it is set.
    """
    trained = [each for each in parameters if each.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [each for each in trained if each.ndim > 1]},
        {"params": [each for each in trained if each.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimiser == "sgd":
        return torch.optim.SGD(
            groups, rate, momentum=settings.momentum, weight_decay=decay, nesterov=True
        )
    if settings.optimiser == "adagrad":
        return torch.optim.Adagrad(groups, rate, weight_decay=decay)
    return torch.optim.AdamW(groups, rate, weight_decay=decay)


def learning_rate(step: int, settings: OptimiserSettings) -> float:
    """Returns the learning rate of a step, counted from 0: a function of nothing else."""
    warmup = min(settings.warmup, settings.steps)
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    share = (step - warmup) / max(1, settings.steps - warmup)
    if settings.schedule == "cosine":
        return settings.learning_rate * (1 + math.cos(math.pi * share)) / 2
    if settings.schedule == "steps":
        return settings.learning_rate * settings.decay ** _falls(step, share, settings.decay_every)
    return settings.learning_rate


def _falls(step: int, share: float, every: int | None) -> int:
    """How often the rate has fallen."""
    if every is not None:
        return step // every
    return sum(share >= each for each in (0.5, 0.75))
