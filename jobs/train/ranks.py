"""Processes that learn together: one, or those of Ray Train."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import distributed, nn


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes this is.

    Attributes:
        rank: From 0; that one writes.
        world: How many there are.
    """

    rank: int = 0
    world: int = 1

    @property
    def writes(self) -> bool:
        """Whether this one writes and shows."""
        return self.rank == 0

    def gathered(self, value: Any) -> list[Any]:
        """The values of all, by rank; all have to ask."""
        if self.world == 1:
            return [value]
        values: list[Any] = [None] * self.world
        distributed.all_gather_object(values, value)
        return values

    def shared(self, module: nn.Module) -> nn.Module:
        """A module whose gradients are the means of all."""
        if self.world == 1:
            return module
        from ray.train.torch import prepare_model

        prepared: nn.Module = prepare_model(module)
        return prepared
