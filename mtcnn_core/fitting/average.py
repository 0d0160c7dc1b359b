"""The mean over the weights of many steps."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

_BEGIN = 10.0


class Average:
    """An exponential moving average of a module's weights; a shorter one while it is young.

    Args:
        module: The module.
        decay: What stays of it in each step, once there have been many; 0 follows the module.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self._decay = decay
        self.weights = {name: each.detach().clone() for name, each in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Takes the weights after a step, counted from 0, into the mean."""
        decay = min(self._decay, (1 + step) / (_BEGIN + step))
        for name, each in module.state_dict().items():
            self.weights[name].lerp_(each, 1 - decay)

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Goes on from a mean."""
        for name, each in weights.items():
            self.weights[name].copy_(each)
