"""From crops to the numbers that a model is fed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.embedding.model import EmbeddingModel, Feeding, Number

Floats = NDArray[np.float32]
_IMAGENET_MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
_IMAGENET_SCALE = (0.229 * 255, 0.224 * 255, 0.225 * 255)


def fixed_numbers(feeding: Feeding | EmbeddingModel) -> tuple[Number, Number] | None:
    """Returns mean and scale in the order of its colours; None where each crop has its own.

    The means and deviations of ImageNet are those of red, green and blue.
    """
    if feeding.normalise == "prewhiten":
        return None
    if feeding.normalise == "fixed":
        return 127.5, 128.0
    if feeding.normalise == "imagenet":
        turn = slice(None, None, -1 if feeding.colours == "bgr" else 1)
        return _IMAGENET_MEAN[turn], _IMAGENET_SCALE[turn]
    if feeding.mean is None or feeding.scale is None:
        raise ValueError("own numbers without mean and scale")
    return feeding.mean, feeding.scale


class Normaliser:
    """Makes of crops what a model is fed.

    Args:
        feeding: How it wants them.
    """

    def __init__(self, feeding: Feeding) -> None:
        self._channels_last = feeding.layout == "nhwc"
        self._turn = -1 if feeding.colours == "bgr" else 1
        numbers = fixed_numbers(feeding)
        # A value of a colour has 256 possible results: to look them up takes less time than to
        # compute them.
        self._tables = None if numbers is None else _tables(*numbers)

    def __call__(self, crops: NDArray[np.uint8]) -> Floats:
        """Returns float32 ``(n, 3, size, size)``, or ``(n, size, size, 3)``.

        Args:
            crops: uint8 ``(n, size, size, 3)`` RGB.
        """
        planes = crops[..., :: self._turn].transpose(0, 3, 1, 2)
        values = _prewhitened(planes) if self._tables is None else self._looked_up(planes)
        return np.ascontiguousarray(values.transpose(0, 2, 3, 1)) if self._channels_last else values

    def _looked_up(self, planes: NDArray[np.uint8]) -> Floats:
        assert self._tables is not None
        values = np.empty(planes.shape, np.float32)
        for colour, table in enumerate(self._tables):
            np.take(table, planes[:, colour], out=values[:, colour], mode="clip")
        return values


def _tables(mean: Number, scale: Number) -> Floats:
    """float32 ``(3, 256)``: what becomes of each value of each colour."""
    values = np.arange(256, dtype=np.float64)
    means, scales = (np.broadcast_to(each, 3)[:, None] for each in (mean, scale))
    tables: Floats = ((values - means) / scales).astype(np.float32)
    return tables


def _prewhitened(planes: NDArray[np.uint8]) -> Floats:
    """Takes the mean of each crop off, and divides by its deviation.

    As davidsandberg/facenet does; the deviation of n values is taken for at least 1 / sqrt(n).
    """
    flat = planes.reshape(len(planes), -1).astype(np.float64)
    mean = flat.mean(axis=1, keepdims=True)
    deviation = np.maximum(flat.std(axis=1, keepdims=True), 1 / np.sqrt(flat.shape[1]))
    whitened: Floats = ((flat - mean) / deviation).astype(np.float32).reshape(planes.shape)
    return whitened
