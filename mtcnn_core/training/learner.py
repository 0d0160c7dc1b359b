"""A network, its loss and its optimiser, as they learn from one batch after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mtcnn_core.settings.training import TrainingSettings
from mtcnn_core.training.optimiser import build_optimiser, learning_rate

_MIDDLE, _RANGE = 127.5, 128.0


@dataclass(frozen=True)
class Step:
    """What a step has shown.

    Attributes:
        loss: Loss of its batch.
        learning_rate: With which it was made.
    """

    loss: float
    learning_rate: float


class Learner:
    """What learns; the same batches give the same weights, wherever it was stopped in between.

    Args:
        network: Makes vectors of length 1, float32 ``(n, d)``, of crops, float32
            ``(n, 3, size, size)``, RGB, (x - 127.5) / 128.
        loss: Makes a number of vectors and class ids; may have weights of its own, which are
            trained as well.
        settings: Optimiser, schedule and precision.
        device: Where both are.
        shared: Makes of a module one that learns together with those of other processes.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: nn.Module,
        settings: TrainingSettings,
        device: str = "cpu",
        shared: Callable[[nn.Module], nn.Module] = lambda module: module,
    ) -> None:
        self._device = torch.device(device)
        self._format = torch.channels_last
        self.network = network.to(self._device, memory_format=self._format)  # type: ignore[call-overload]
        self._loss = loss.to(self._device)
        self._settings = settings
        has_weights = any(each.requires_grad for each in loss.parameters())
        self._shared_network = shared(self.network)
        self._shared_loss = shared(self._loss) if has_weights else self._loss
        self._optimiser = build_optimiser(
            [*self.network.parameters(), *self._loss.parameters()], settings
        )

    def step(self, crops: Tensor, class_ids: Tensor, number: int) -> Step:
        """Learns from a batch.

        Args:
            crops: uint8 ``(n, 3, size, size)``, RGB.
            class_ids: int64 ``(n,)``.
            number: Number of the step, from 0; with the seed it decides all that is drawn.

        Raises:
            FloatingPointError: The loss is not a number any more.
        """
        torch.manual_seed(self._settings.seed * 2**31 + number)
        rate = learning_rate(number, self._settings)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._shared_network.train()
        self._optimiser.zero_grad(set_to_none=True)
        vectors = self._vectors(self._shared_network, crops)
        loss = self._shared_loss(vectors, class_ids.to(self._device))
        value = float(loss.detach())
        if not np.isfinite(value):
            raise FloatingPointError(f"the loss is {value} after {number:,} steps")
        loss.backward()
        self._optimiser.step()
        return Step(value, rate)

    @torch.inference_mode()
    def vectors(self, crops: Tensor) -> NDArray[np.float32]:
        """Returns the vectors of crops as :meth:`step` takes them; float32 ``(n, d)``."""
        self.network.eval()
        found: NDArray[np.float32] = self._vectors(self.network, crops).cpu().numpy()
        return found

    def state_dict(self) -> dict[str, Any]:
        """All that later steps depend on."""
        return {
            "network": self.network.state_dict(),
            "loss": self._loss.state_dict(),
            "optimiser": self._optimiser.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from what :meth:`state_dict` has returned."""
        self.network.load_state_dict(state["network"])
        self._loss.load_state_dict(state["loss"])
        self._optimiser.load_state_dict(state["optimiser"])

    def _vectors(self, network: nn.Module, crops: Tensor) -> Tensor:
        given = crops.to(self._device, non_blocking=True).float()
        given = given.sub_(_MIDDLE).div_(_RANGE).contiguous(memory_format=self._format)
        is_half = self._settings.precision == "bfloat16"
        with torch.autocast(self._device.type, torch.bfloat16, enabled=is_half):
            vectors: Tensor = network(given)
        return vectors.float()
