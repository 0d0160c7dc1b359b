"""An SSD model, ready to look at photos."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.devices import DEVICES, DeviceError, DeviceName, Precision, Runtime, find_device
from mtcnn_core.ssd.files import ModelError, ModelFiles
from mtcnn_core.ssd.ports import Rows, SsdEngine, rows_of
from mtcnn_core.ssd.settings import SsdSettings


class SsdSession:
    """A model on one thread: an ``.xml`` in OpenVINO, an ``.onnx`` in ONNX Runtime.

    It runs once on black, so that what is no SSD detector fails here.

    Args:
        model: Its files.
        settings: How it wants to be fed.
        device: What it runs on.
        precision: What OpenVINO computes in.

    Attributes:
        width: Of the images it takes.
        height: Of the images it takes.

    Raises:
        ModelError: It is not an SSD detector.
        DeviceError: The device is not there, or OpenVINO is not installed.
    """

    def __init__(
        self, model: ModelFiles, settings: SsdSettings, device: DeviceName, precision: Precision
    ) -> None:
        self._settings = settings
        try:
            self._engine = _start(model, device, precision)
            image = self._engine.image
            self.width, self.height = image.width, image.height
            self(np.zeros((self.height, self.width, 3), np.uint8))
        except ModelError as error:
            raise ModelError(f"'{model.path}' cannot be the detector: {error}") from error

    def __call__(self, pixels: NDArray[np.uint8]) -> Rows:
        """Looks at one photo.

        Args:
            pixels: uint8 ``(h, w, 3)`` RGB; resized to what the model takes.

        Returns:
            As :func:`mtcnn_core.ssd.ports.rows_of`.
        """
        return rows_of(self._engine.run(self._engine.image.blob(pixels, self._settings)))


def _start(model: ModelFiles, device: DeviceName, precision: Precision) -> SsdEngine:
    # Imported here: OpenVINO need not be installed.
    if model.is_ir:
        from mtcnn_core.ssd.engine_openvino import OpenVinoSsd

        return OpenVinoSsd(model, _openvino(model, device, precision))
    from mtcnn_core.ssd.engine_onnxruntime import OnnxRuntimeSsd

    return OnnxRuntimeSsd(model, DEVICES[device].runtimes["onet"])


def _openvino(model: ModelFiles, device: DeviceName, precision: Precision) -> Runtime:
    if device != "cpu":
        raise DeviceError(
            f"'{model.path}' runs on the CPU only: leave --device {device} away, or give ONNX"
        )
    return find_device("cpu", "openvino", precision).runtimes["onet"]
