"""Where the crop of each face lies, by a model's template."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.crops.alignment import margin_matrices, template_matrices
from mtcnn_core.crops.templates import TEMPLATES
from mtcnn_core.embedding.model import EmbeddingModel

Floats = NDArray[np.float32]


def places(model: EmbeddingModel, boxes: Floats, landmarks: Floats) -> Floats:
    """Returns the matrices that take the photo to the crop of each face.

    Args:
        model: What the crops are for.
        boxes: float32 ``(n, 4)``: x1, y1, x2, y2 in continuous pixels.
        landmarks: float32 ``(n, 5, 2)``: eyes, nose, corners of the mouth, left ones first.

    Returns:
        float32 ``(n, 2, 3)``, image -> crop, continuous pixels.
    """
    if model.template == "margin":
        return margin_matrices(boxes, model.margin, model.size)
    whole = model.size / model.window
    template = TEMPLATES[model.template].scaled(whole) - (whole - model.size) / 2
    return template_matrices(landmarks, template)
