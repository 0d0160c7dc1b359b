"""What goes into an embedding model: what its graph tells of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mtcnn_core.embedding.errors import EmbeddingError
from mtcnn_core.engines.engine import Port
from mtcnn_core.weights.errors import ModelError

_WANTED = "a face model takes one image of three colours and gives one vector"
_TYPES = (np.dtype(np.float32), np.dtype(np.float16))


@dataclass(frozen=True)
class CropInput:
    """The input of a model; None is what the graph leaves open.

    Attributes:
        batch: Crops that it takes at once.
        height: Rows of a crop.
        width: Columns of a crop.
        channels_last: ``(n, h, w, 3)`` rather than ``(n, 3, h, w)``; None where it could be either.
        dtype: float32 or float16.
    """

    batch: int | None
    height: int | None
    width: int | None
    channels_last: bool | None
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, inputs: Sequence[Port], outputs: int, layout: str) -> CropInput:
        """Returns the input of a model, by what it says of itself.

        Args:
            inputs: What the model takes.
            outputs: How many arrays it gives.
            layout: "nchw" or "nhwc"; "model" is what the shape tells.

        Raises:
            ModelError: The model does not take images.
            EmbeddingError: The layout is needed, or is not the model's.
        """
        if len(inputs) != 1 or outputs != 1:
            raise ModelError(f"it has {len(inputs)} inputs and {outputs} outputs, but {_WANTED}")
        ((shape, dtype),) = inputs
        if len(shape) != 4 or dtype not in _TYPES:
            raise ModelError(f"its input is {dtype} {shown(shape)}, but {_WANTED}")
        last = _channels_last(shape, layout)
        height, width = shape[1:3] if last else shape[2:4]
        return cls(shape[0], height, width, last, np.dtype(dtype))


def _channels_last(shape: Sequence[int | None], layout: str) -> bool:
    """Whether colours come last, which the shape must allow."""
    can_be_first, can_be_last = shape[1] in (3, None), shape[3] in (3, None)
    # A side of 3 is no picture's; one that is open may be.
    if can_be_first and can_be_last and (shape[1] is None) != (shape[3] is None):
        can_be_first, can_be_last = shape[1] == 3, shape[3] == 3
    if not can_be_first and not can_be_last:
        raise ModelError(f"its input is {shown(shape)}, but {_WANTED}")
    if layout == "model":
        if can_be_first and can_be_last:
            raise EmbeddingError(
                f"the shape of its input, {shown(shape)}, does not tell where the colours are: "
                "set layout to nchw or nhwc"
            )
        return can_be_last
    if not (can_be_last if layout == "nhwc" else can_be_first):
        raise EmbeddingError(f"its input is {shown(shape)}, which is not {layout}: leave it away")
    return layout == "nhwc"


def shown(shape: Sequence[int | None]) -> str:
    """Returns a shape as people write it, with a question mark for what is open."""
    return " x ".join("?" if side is None else str(side) for side in shape) or "nothing"
