"""An SSD model in ONNX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.devices import DeviceError, Runtime
from mtcnn_core.engine_onnxruntime import start_session
from mtcnn_core.ssd.files import ModelError, ModelFiles
from mtcnn_core.ssd.ports import ImageInput

_TYPES: Mapping[str, np.dtype[Any]] = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(float16)": np.dtype(np.float16),
    "tensor(uint8)": np.dtype(np.uint8),
}


class OnnxRuntimeSsd:
    """See :class:`mtcnn_core.ssd.ports.SsdEngine`.

    Args:
        model: Its file.
        runtime: What computes it.

    Raises:
        ModelError: It is no model, or none with one image as its input.
        DeviceError: The device is not there.
    """

    def __init__(self, model: ModelFiles, runtime: Runtime) -> None:
        try:
            self._session = start_session(model.graph, runtime)
        except DeviceError:
            raise
        except Exception as error:  # of a class of its own for each reason
            raise ModelError("ONNX Runtime cannot read it; give another model") from error
        inputs = self._session.get_inputs()
        shapes = [[side if isinstance(side, int) else None for side in i.shape] for i in inputs]
        types = [_TYPES.get(i.type, np.dtype(object)) for i in inputs]
        self.image = ImageInput.of(shapes, types, len(self._session.get_outputs()))
        self._input = inputs[0].name

    def run(self, blob: NDArray[Any]) -> NDArray[Any]:
        """Runs the model on one image."""
        try:
            output: NDArray[Any] = self._session.run(None, {self._input: blob})[0]
        except Exception as error:
            raise ModelError("ONNX Runtime cannot compute it; give another model") from error
        return output
