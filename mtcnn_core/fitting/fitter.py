"""A network of the cascade, as it learns from one batch of samples after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mtcnn_core.fitting.augmentation import Seen, as_they_are, augmented
from mtcnn_core.fitting.average import Average
from mtcnn_core.fitting.losses import box_loss, classification_loss, landmark_loss
from mtcnn_core.fitting.networks import CropNetwork, Heads, start_anew
from mtcnn_core.samples.samples import NEGATIVE, PART, POSITIVE, Samples
from mtcnn_core.settings.fitting import FittingSettings
from mtcnn_core.training.optimiser import build_optimiser, learning_rate
from mtcnn_core.weights import Network
from mtcnn_core.weights.arrays import Arrays

_LONGEST = 5.0
_TASKS = 3
# Where differences of logits begin to matter less.
_SURE = 4.0
_AT_ONCE = 256


@dataclass(frozen=True)
class Losses:
    """The losses of a step, each before its weight; NaN where its batch had nothing for it."""

    classification: float
    boxes: float
    landmarks: float


class Fitter:
    """What learns; the same batches give the same weights, wherever it was stopped in between.

    Args:
        network: The architecture.
        settings: Losses, optimiser, augmentation.
        arrays: Weights to begin with; None draws them.
        device: What it runs on, as PyTorch calls it.

    Attributes:
        network: The network as it is.
        learning_rate: Learning rate of the last step.
    """

    def __init__(
        self,
        network: Network,
        settings: FittingSettings,
        arrays: Arrays | None,
        device: str = "cpu",
    ) -> None:
        torch.manual_seed(settings.seed)
        self._settings = settings
        self._device = torch.device(device)
        self.network = self._made(network, arrays)
        self._first = self._made(network, arrays) if settings.distillation else None
        if self._first is not None:
            self._first.load_state_dict(self.network.state_dict())
        self._optimiser = build_optimiser(self.network.parameters(), settings)
        self._average = Average(self.network, settings.average)
        self._began = {
            name: each.detach().clone() for name, each in self.network.state_dict().items()
        }
        self.learning_rate = 0.0

    def _made(self, network: Network, arrays: Arrays | None) -> CropNetwork:
        made = CropNetwork(network)
        if arrays is None:
            start_anew(made)
        else:
            made.load_arrays(arrays)
            _move_mean(made, self._settings.mean, 1)
        return made.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def step(self, samples: Samples, points: Samples | None, number: int) -> Losses:
        """Learns from a batch.

        Args:
            samples: Samples of all kinds but landmark samples.
            points: Landmark samples, if there are any.
            number: Number of the step, from 0; with the seed it decides all that is drawn.

        Raises:
            FloatingPointError: The loss is not a number any more.
        """
        said = self._settings
        rng = np.random.default_rng([said.seed, number])
        self.learning_rate = learning_rate(number, said)
        for group in self._optimiser.param_groups:
            group["lr"] = self.learning_rate
        self.network.train()
        self._optimiser.zero_grad(set_to_none=True)
        seen = augmented(samples, said, rng)
        also = augmented(points, said, rng) if points is not None and len(points) else None
        heads, pixels = self._heads(seen, also)
        tasks = self._tasks(heads, samples, seen, also)
        if said.blockwise:
            tasks = {name: loss for name, loss in tasks.items() if _TURN[name] == number % _TASKS}
        loss = sum(
            (getattr(said, f"{name}_weight") * each for name, each in tasks.items()),
            torch.zeros((), device=self._device),
        )
        if self._first is not None:
            loss = loss + said.distillation * self._moved(heads, pixels)
        if not torch.isfinite(loss.detach()):
            raise FloatingPointError(f"the loss is {float(loss.detach())} after {number:,} steps")
        if loss.requires_grad:
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), _LONGEST)
            self._optimiser.step()
        self._average.update(self.network, number)
        values = {name: float(each.detach()) for name, each in tasks.items()}
        none = float("nan")
        return Losses(*(values.get(name, none) for name in _TURN))

    def _heads(self, seen: Seen, also: Seen | None) -> tuple[Heads, Tensor]:
        pixels = seen.pixels if also is None else torch.cat([seen.pixels, also.pixels])
        pixels = pixels.to(self._device).contiguous(memory_format=torch.channels_last)
        return self._asked(self.network, pixels), pixels

    def _asked(self, network: CropNetwork, pixels: Tensor) -> Heads:
        is_half = self._settings.precision == "bfloat16"
        with torch.autocast(self._device.type, torch.bfloat16, enabled=is_half):
            heads: Heads = network(pixels)
        return heads

    def _tasks(
        self, heads: Heads, samples: Samples, seen: Seen, also: Seen | None
    ) -> dict[str, Tensor]:
        """The losses that the batch has something for."""
        said, tasks = self._settings, {}
        kinds = torch.from_numpy(samples.kinds).to(self._device)
        count = len(samples)
        is_told = (kinds == NEGATIVE) | (kinds == POSITIVE)
        if is_told.any():
            targets = torch.from_numpy(samples.targets).to(self._device)
            logits = heads.logits[:count][is_told]
            tasks["classification"] = classification_loss(logits, targets[is_told], said)
        has_box = (kinds == POSITIVE) | (kinds == PART)
        if has_box.any():
            boxes = seen.boxes.to(self._device)[has_box]
            tasks["box"] = box_loss(heads.boxes[:count][has_box], boxes, said)
        if heads.landmarks is not None:
            true = seen.landmarks if also is None else torch.cat([seen.landmarks, also.landmarks])
            true = true.to(self._device)
            has_points = ~true.isnan().any(dim=2).any(dim=1)
            if has_points.any():
                found = heads.landmarks[has_points]
                tasks["landmark"] = landmark_loss(found, true[has_points], said)
        return tasks

    def _moved(self, heads: Heads, pixels: Tensor) -> Tensor:
        """How far logits are from those of the network that it began as."""
        assert self._first is not None
        with torch.no_grad():
            first = self._asked(self._first, pixels)
        away = torch.tanh(heads.logits / _SURE) - torch.tanh(first.logits / _SURE)
        return away.square().mean()

    @torch.no_grad()
    def ask(self, samples: Samples) -> Heads:
        """Returns what the network that is kept says of samples as they are, on the CPU."""
        network = self._kept().to(self._device).eval()
        parts = [
            network(as_they_are(samples[at : at + _AT_ONCE], self._settings.mean).pixels)
            for at in range(0, len(samples), _AT_ONCE)
        ]
        logits, boxes, landmarks = zip(*parts, strict=True)
        points = None if landmarks[0] is None else torch.cat(landmarks)
        return Heads(torch.cat(logits), torch.cat(boxes), points)

    def arrays(self) -> Arrays:
        """Returns the weights that are kept, as the cascade has them."""
        network = self._kept()
        _move_mean(network, self._settings.mean, -1)
        return network.arrays()

    @torch.no_grad()
    def _kept(self) -> CropNetwork:
        """The averaged network, and what it began as, blended."""
        share = self._settings.blend
        network = CropNetwork(self.network.network)
        network.load_state_dict(
            {
                name: each.lerp(self._began[name], share)
                for name, each in self._average.weights.items()
            }
        )
        return network

    def state_dict(self) -> dict[str, Any]:
        """All that later steps depend on."""
        return {
            "network": self.network.state_dict(),
            "average": self._average.weights,
            "optimiser": self._optimiser.state_dict(),
            "began": self._began,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from what :meth:`state_dict` has returned."""
        self.network.load_state_dict(state["network"])
        self._average.load(state["average"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._began = dict(state["began"])
        if self._first is not None:
            self._first.load_state_dict(self._began)


# Task -> its turn.
_TURN = {"classification": 0, "box": 1, "landmark": 2}


@torch.no_grad()
def _move_mean(network: CropNetwork, mean: float, direction: int) -> None:
    """Makes a network for pixels less 127.5 one for pixels less another mean, or back.

    The first layer has no padding, so that is its bias alone.

    Args:
        network: The network.
        mean: The other mean.
        direction: 1 to it, -1 from it.
    """
    first = network.layers[network.network.body[0].name]
    weight, bias = first.get_parameter("weight"), first.get_parameter("bias")
    bias.add_(weight.sum((1, 2, 3)), alpha=direction * (mean - 127.5) / 128)
