"""Scores of whole photos that mean what they meant: as much passes a threshold as before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.cascade.detector import FaceDetector
from mtcnn_core.cascade.stages import Stages
from mtcnn_core.engines.registry import find_device
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.stopwatch import Stopwatch
from mtcnn_core.weights import ONET, PNET, Network, Weights

_WIDEST = 16.0
_HALVINGS = 10

Images = Sequence[NDArray[np.uint8]]


def as_many_squares(
    images: Images, detect: DetectorSettings, before: Weights, after: Weights
) -> Weights:
    """Returns weights whose P-Net is shifted so that R-Net is shown as many squares as before.

    Samples cannot tell that: nearly all places of a photo are easy ones, and few samples are.

    Args:
        images: Photos, uint8 ``(h, w, 3)`` RGB.
        detect: How the detector looks at them; the first threshold is where it counts.
        before: The weights whose number of squares is wanted.
        after: The weights that are shifted.
    """
    return _matched(PNET, after, lambda each: _squares(images, detect, each), before)


def as_many_faces(
    images: Images, detect: DetectorSettings, before: Weights, after: Weights
) -> Weights:
    """Returns weights whose O-Net is shifted so that as many faces are found as before.

    Args:
        images: Photos that it has not learned from, uint8 ``(h, w, 3)`` RGB: of those that it has
            it is surer than of others.
        detect: How the detector looks at them; the last threshold is where it counts.
        before: The weights whose number of faces is wanted.
        after: The weights that are shifted.
    """
    return _matched(ONET, after, lambda each: _faces(images, detect, each), before)


def _matched(
    network: Network, after: Weights, count: Callable[[Weights], int], before: Weights
) -> Weights:
    wanted = count(before)
    low, high = -_WIDEST, _WIDEST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if count(_shifted(network, after, middle)) < wanted:
            low = middle
        else:
            high = middle
    return _shifted(network, after, high)


def _squares(images: Images, detect: DetectorSettings, weights: Weights) -> int:
    device = find_device(detect.device, detect.engine, detect.precision)
    stages = Stages(weights, device, detect, Stopwatch())
    total = 0
    for image in images:
        photo = stages.begin(image, (image.shape[1], image.shape[0]), detect.min_face)
        stages.propose([photo])
        total += len(photo.boxes)
    return total


def _faces(images: Images, detect: DetectorSettings, weights: Weights) -> int:
    detector = FaceDetector(replace(detect, faint=False), weights)
    return sum(len(detector.detect(image)) for image in images)


def _shifted(network: Network, weights: Weights, shift: float) -> Weights:
    arrays = weights[network.name]
    half = np.float32(shift / 2)
    bias = arrays["score.bias"] + np.array([-half, half], np.float32)
    return Weights({**weights.arrays, network.name: {**arrays, "score.bias": bias}})
