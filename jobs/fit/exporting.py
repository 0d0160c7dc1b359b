"""The files of a cascade that has learned."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from mtcnn_core.importing.export import export_onnx
from mtcnn_core.weights.arrays import Weights
from mtcnn_core.weights.load import ARRAYS, stored


def files_of(weights: Weights) -> Mapping[str, bytes]:
    """Returns the cascade as `--weights` takes it, and as ONNX: name of the file -> content."""
    with tempfile.TemporaryDirectory(prefix="mtcnn-ray-") as folder:
        graphs = export_onnx(weights, Path(folder))
        return {ARRAYS: stored(weights), **{file.name: file.read_bytes() for file in graphs}}
