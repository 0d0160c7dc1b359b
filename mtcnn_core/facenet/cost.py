"""What a network costs: parameters and multiply-adds, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Cost:
    """What a part of a network costs.

    Attributes:
        name: What the part is called.
        shape: Shape of its output for one crop.
        parameters: Weights and biases.
        multiply_adds: Those of convolutions and dense layers, for one crop; a bias counts as one.
    """

    name: str
    shape: tuple[int, ...]
    parameters: int
    multiply_adds: int


def costs(network: nn.Module, size: int) -> list[Cost]:
    """Returns what each part of a network costs, in the order of the data.

    Args:
        network: Its children are the parts.
        size: Side of the crop in pixels.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    adds = dict.fromkeys(dict(network.named_children()), 0)
    handles = []

    def note(name: str) -> Any:
        def hook(module: nn.Module, given: Any, output: Tensor) -> None:
            shapes[name] = tuple(output.shape[1:])

        return hook

    def count(name: str) -> Any:
        def hook(module: nn.Module, given: Any, output: Tensor) -> None:
            places = output[0, 0].numel() if output.ndim == 4 else 1
            adds[name] += places * sum(each.numel() for each in module.parameters())

        return hook

    for name, part in network.named_children():
        handles.append(part.register_forward_hook(note(name)))
        handles += [
            layer.register_forward_hook(count(name))
            for layer in part.modules()
            if isinstance(layer, (nn.Conv2d, nn.Linear))
        ]
    was_training = network.training
    try:
        with torch.inference_mode():
            network.eval()(torch.zeros(1, 3, size, size))
    finally:
        network.train(was_training)
        for handle in handles:
            handle.remove()
    return [
        Cost(name, shapes[name], sum(each.numel() for each in part.parameters()), adds[name])
        for name, part in network.named_children()
    ]
