"""An SSD model in the intermediate representation of OpenVINO."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.devices import Runtime
from mtcnn_core.engine_openvino import compiled, start_core
from mtcnn_core.ssd.files import ModelError, ModelFiles
from mtcnn_core.ssd.ports import ImageInput


class OpenVinoSsd:
    """See :class:`mtcnn_core.ssd.ports.SsdEngine`.

    Args:
        model: Its files.
        runtime: What computes it.

    Raises:
        ModelError: It is no model, or none with one image as its input.
        mtcnn_core.devices.DeviceError: OpenVINO is not installed, or the processor has no bfloat16.
    """

    def __init__(self, model: ModelFiles, runtime: Runtime) -> None:
        core = start_core(runtime)
        try:
            network = core.read_model(model.graph, model.weights)
        except RuntimeError as error:
            raise ModelError("OpenVINO cannot read it; get both of its files again") from error
        shapes = [_sides(port.get_partial_shape()) for port in network.inputs]
        types = [np.dtype(port.get_element_type().to_dtype()) for port in network.inputs]
        self.image = ImageInput.of(shapes, types, len(network.outputs))
        try:
            self._request = compiled(core, network, runtime)
        except RuntimeError as error:
            raise ModelError("OpenVINO cannot compile it; give another model") from error

    def run(self, blob: NDArray[Any]) -> NDArray[Any]:
        """Runs the model on one image."""
        try:
            # The blob is not copied.
            output: NDArray[Any] = self._request.infer([blob], share_inputs=True)[0]
        except RuntimeError as error:
            raise ModelError("OpenVINO cannot compute it; give another model") from error
        return output


def _sides(shape: Any) -> list[int | None]:
    if shape.rank.is_dynamic:
        return []
    return [None if side.is_dynamic else side.get_length() for side in shape]
