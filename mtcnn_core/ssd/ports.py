"""What goes into an SSD model and what comes out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mtcnn_core.engines.engine import Port
from mtcnn_core.settings.ssd import SsdSettings
from mtcnn_core.weights.errors import ModelError

Rows = NDArray[np.float32]
_SSD = "an SSD detector takes one image and gives 1 x 1 x N x 7 numbers"
_TYPES = tuple(map(np.dtype, (np.float32, np.float16, np.uint8)))


@dataclass(frozen=True)
class ImageInput:
    """The input of a model.

    Attributes:
        width: Width in pixels.
        height: Height in pixels.
        channels_last: ``(1, h, w, 3)`` rather than ``(1, 3, h, w)``.
        dtype: float32, float16 or uint8.
    """

    width: int
    height: int
    channels_last: bool
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, inputs: Sequence[Port], outputs: int) -> ImageInput:
        """Returns the input of an SSD detector, by what a model says of itself.

        Args:
            inputs: What the model takes.
            outputs: How many arrays it gives.

        Raises:
            ModelError: The model is not an SSD detector.
        """
        if len(inputs) != 1 or outputs != 1:
            raise ModelError(f"it has {len(inputs)} inputs and {outputs} outputs, but {_SSD}")
        ((shape, dtype),) = inputs
        if len(shape) != 4 or shape[0] not in (1, None) or 3 not in (shape[1], shape[3]):
            raise ModelError(f"its input has the shape {_shown(shape)}, but {_SSD}")
        channels_last = shape[1] != 3
        height, width = shape[1:3] if channels_last else shape[2:4]
        if not height or not width:
            raise ModelError(
                f"its input has the shape {_shown(shape)}; export it for images of one size"
            )
        if dtype not in _TYPES:
            raise ModelError(f"its input is of the type {dtype}, but {_SSD}")
        return cls(width, height, channels_last, dtype)

    def blob(self, pixels: NDArray[np.uint8], settings: SsdSettings) -> NDArray[Any]:
        """Returns an image as the model wants to see it, without regard to its aspect."""
        blob = cv2.dnn.blobFromImage(
            pixels,
            1 / settings.scale,
            (self.width, self.height),
            settings.mean,
            swapRB=settings.colours == "bgr",
        )
        if self.channels_last:
            blob = blob.transpose(0, 2, 3, 1)
        return np.ascontiguousarray(blob, self.dtype)


def rows_of(output: NDArray[Any]) -> Rows:
    """Returns what a model has found.

    Args:
        output: ``(1, 1, n, 7)``: image, label, confidence, x1, y1, x2, y2 as fractions; a negative
            image ends it.

    Returns:
        float32 ``(m, 7)``, those of finite numbers.

    Raises:
        ModelError: The shape is another one.
    """
    if output.ndim != 4 or output.shape[:2] != (1, 1) or output.shape[3] != 7:
        raise ModelError(f"its output has the shape {_shown(output.shape)}, but {_SSD}")
    rows = output[0, 0].astype(np.float32)
    ends = np.flatnonzero(rows[:, 0] < 0)
    rows = rows[: ends[0]] if len(ends) else rows
    found: Rows = rows[np.isfinite(rows).all(axis=1)]
    return found


def _shown(shape: Sequence[int | None]) -> str:
    return " x ".join("?" if side is None else str(side) for side in shape) or "nothing"
