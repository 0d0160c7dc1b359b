"""How many crops a network learns in a second on one core: `python -m tests.network_speed`.

Forward, backward and step on batches of 120 made-up crops, in float32 and in bfloat16; the fastest
of four. Beside the networks that there are stands MobileFaceNet (Chen et al., 2018), with all of
its channels and with half of them.
"""

from __future__ import annotations

import time

import torch
from torch import nn

from mtcnn_core.facenet.networks import build_network, input_size
from mtcnn_core.settings.training import TrainingSettings
from mtcnn_core.training.learner import Learner

_BATCH, _ROUNDS = 120, 4
# Expansion, channels, repetitions and stride of its bottlenecks, as in its table 1.
_BOTTLENECKS = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))


def _layer(channels: int, out: int, side: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(channels, out, side, stride, side // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(out), nn.PReLU(out))


class _Bottleneck(nn.Module):
    def __init__(self, channels: int, out: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = channels * expansion
        self.body = nn.Sequential(
            _layer(channels, wide, 1), _layer(wide, wide, 3, stride, wide), _layer(wide, out, 1)[:2]
        )
        self.adds = stride == 1 and channels == out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(x) if self.adds else self.body(x)


def mobile_face_net(share: float) -> nn.Module:
    def of(channels: int) -> int:
        return int(channels * share)

    layers: list[nn.Module] = [_layer(3, of(64), 3, 2), _layer(of(64), of(64), 3, 1, of(64))]
    channels = of(64)
    for expansion, out, count, stride in _BOTTLENECKS:
        for number in range(count):
            layers.append(_Bottleneck(channels, of(out), 1 if number else stride, expansion))
            channels = of(out)
    whole = nn.Conv2d(of(512), of(512), 7, groups=of(512), bias=False)
    layers += [_layer(channels, of(512), 1), whole, nn.Flatten(), nn.Linear(of(512), 128)]
    return nn.Sequential(*layers)


class _Sum(nn.Module):
    def forward(self, vectors: torch.Tensor, class_ids: torch.Tensor) -> torch.Tensor:
        return vectors.square().sum() / len(class_ids)


def rate(network: nn.Module, size: int, precision: str, batch: int) -> float:
    settings = TrainingSettings(precision=precision)  # type: ignore[arg-type]
    learner = Learner(network, _Sum(), settings)
    crops = torch.randint(0, 256, (batch, 3, size, size), dtype=torch.uint8)
    seconds = []
    for number in range(_ROUNDS):
        began = time.perf_counter()
        learner.step(crops, torch.arange(batch), number)
        seconds.append(time.perf_counter() - began)
    return batch / min(seconds)


def main() -> None:
    torch.set_num_threads(1)
    made = {
        "small, 112 px": (build_network("small"), 112, _BATCH),
        "MobileFaceNet, 112 px": (mobile_face_net(1), 112, _BATCH),
        "MobileFaceNet, half as wide": (mobile_face_net(0.5), 112, _BATCH),
        "nn2, 224 px": (build_network("nn2"), input_size("nn2"), 12),
    }
    for name, (network, size, batch) in made.items():
        rates = [rate(network, size, precision, batch) for precision in ("float32", "bfloat16")]
        count = sum(each.numel() for each in network.parameters())
        shown = "  ".join(f"{each:6.0f}" for each in rates)
        print(f"{name:30} {count:9,} weights  {shown} crops/s in float32 and bfloat16")


if __name__ == "__main__":
    main()
