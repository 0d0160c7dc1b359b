"""P-Net's scores, so that it lets through as many squares of whole photos as before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.cascade.stages import Stages
from mtcnn_core.engines.registry import find_device
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.stopwatch import Stopwatch
from mtcnn_core.weights import PNET, Weights

_WIDEST = 8.0
_HALVINGS = 9


def as_many_squares(
    images: Sequence[NDArray[np.uint8]], detect: DetectorSettings, before: Weights, after: Weights
) -> Weights:
    """Returns weights whose P-Net is shifted so that R-Net is shown as many squares as before.

    Samples cannot tell that: nearly all places of a photo are easy ones, and few samples are.

    Args:
        images: Photos, uint8 ``(h, w, 3)`` RGB.
        detect: How the detector looks at them; the first threshold is where it counts.
        before: The weights whose number of squares is wanted.
        after: The weights that are shifted.
    """
    wanted = _count(images, detect, before)
    low, high = -_WIDEST, _WIDEST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _count(images, detect, _shifted(after, middle)) < wanted:
            low = middle
        else:
            high = middle
    return _shifted(after, (low + high) / 2)


def _count(images: Sequence[NDArray[np.uint8]], detect: DetectorSettings, weights: Weights) -> int:
    device = find_device(detect.device, detect.engine, detect.precision)
    stages = Stages(weights, device, replace(detect, mirror="none"), Stopwatch())
    photos = [stages.begin(image, image.shape[1::-1], detect.min_face) for image in images]
    stages.propose(photos)
    return sum(len(photo.boxes) for photo in photos)


def _shifted(weights: Weights, shift: float) -> Weights:
    arrays = weights[PNET.name]
    half = np.float32(shift / 2)
    bias = arrays["score.bias"] + np.array([-half, half], np.float32)
    return Weights({**weights.arrays, PNET.name: {**arrays, "score.bias": bias}})
