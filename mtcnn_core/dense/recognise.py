"""YuNet and SCRFD among the files of models."""

from __future__ import annotations

import onnx

from mtcnn_core.ssd.files import ModelFiles

# Scores, boxes and points of at least two grids; an SSD model has one output.
_LEAST = 6
_RESULT = b'type="Result"'


def is_dense(model: ModelFiles) -> bool:
    """Tells by its outputs whether a model may be one of these, without running it.

    What is no model at all is none of them.
    """
    if model.is_ir:
        return model.graph.count(_RESULT) >= _LEAST
    try:
        graph = onnx.load_model_from_string(model.graph).graph
    except Exception:  # what damage leads to depends on the byte that is damaged
        return False
    return len(graph.output) >= _LEAST
