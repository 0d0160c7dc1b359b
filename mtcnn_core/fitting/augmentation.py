"""Samples as a network sees them: mirrored, in other light, in other colours."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mtcnn_core.samples.samples import Samples
from mtcnn_core.settings.fitting import FittingSettings

_RANGE = 128.0
_MIDDLE = 128.0
# Of each colour by itself, of what all of them change.
_TINT = 1 / 3
# Where each landmark is in a mirror: left is the smaller x there as well.
_MIRRORED = [1, 0, 2, 4, 3]


class Seen(NamedTuple):
    """Samples as a network sees them.

    Attributes:
        pixels: float32 ``(n, 3, side, side)`` RGB, (x - mean) / 128, in channels-last memory.
        boxes: float32 ``(n, 4)``; NaN where not known.
        landmarks: float32 ``(n, 5, 2)``; NaN where not known.
    """

    pixels: Tensor
    boxes: Tensor
    landmarks: Tensor


def as_they_are(samples: Samples, mean: float) -> Seen:
    """Returns samples unchanged."""
    pixels = torch.from_numpy(samples.pixels).permute(0, 3, 1, 2).float()
    return Seen(
        pixels.sub_(mean).div_(_RANGE),
        torch.from_numpy(samples.boxes),
        torch.from_numpy(samples.landmarks),
    )


def augmented(samples: Samples, settings: FittingSettings, rng: np.random.Generator) -> Seen:
    """Returns samples changed at random.

    Args:
        samples: The samples.
        settings: What is changed.
        rng: Random numbers; as many are drawn whatever is changed.
    """
    count = len(samples)
    shape = (count, 1, 1, 1)
    amount = settings.colour
    contrast = rng.uniform(1 - amount, 1 + amount, shape)
    brightness = rng.uniform(-amount, amount, shape) * _MIDDLE
    tint = rng.uniform(1 - amount * _TINT, 1 + amount * _TINT, (count, 3, 1, 1))
    grey = torch.from_numpy(rng.random(shape) < settings.grey)
    mirrored = torch.from_numpy((rng.random(count) < 0.5) & settings.flip)
    pixels = torch.from_numpy(samples.pixels).permute(0, 3, 1, 2).float()
    factor = torch.from_numpy((contrast * tint).astype(np.float32))
    shift = torch.from_numpy((brightness + _MIDDLE).astype(np.float32))
    pixels = pixels.sub_(_MIDDLE).mul_(factor).add_(shift).clamp_(0, 255)
    pixels = torch.where(grey, pixels.mean(1, keepdim=True), pixels)
    pixels = torch.where(mirrored[:, None, None, None], pixels.flip(3), pixels)
    return Seen(
        pixels.sub_(settings.mean).div_(_RANGE).contiguous(memory_format=torch.channels_last),
        _mirrored_boxes(torch.from_numpy(samples.boxes), mirrored),
        _mirrored_landmarks(torch.from_numpy(samples.landmarks), mirrored),
    )


def _mirrored_boxes(boxes: Tensor, mirrored: Tensor) -> Tensor:
    other = boxes[:, [2, 1, 0, 3]] * torch.tensor([-1.0, 1.0, -1.0, 1.0])
    return torch.where(mirrored[:, None], other, boxes)


def _mirrored_landmarks(landmarks: Tensor, mirrored: Tensor) -> Tensor:
    other = landmarks[:, _MIRRORED]
    other = torch.stack([1 - other[..., 0], other[..., 1]], dim=-1)
    return torch.where(mirrored[:, None, None], other, landmarks)
