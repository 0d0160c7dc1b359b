"""An SSD model, ready to look at photos."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.engines.engine import Engine, Runtime
from mtcnn_core.engines.errors import DeviceError
from mtcnn_core.engines.registry import DeviceName, Precision, opener
from mtcnn_core.settings.ssd import SsdSettings
from mtcnn_core.ssd.files import ModelFiles
from mtcnn_core.ssd.ports import ImageInput, Rows, rows_of
from mtcnn_core.weights.errors import ModelError


class SsdSession:
    """A model on one thread, in the engine that opens files of its format.

    The model runs once on black, so that what is no SSD detector fails here.

    Args:
        model: The model's files.
        settings: How it wants to be fed.
        device: What it runs on.
        precision: What it is computed in, where its engine has the choice.

    Attributes:
        width: Width of the images it takes.
        height: Height of the images it takes.

    Raises:
        ModelError: The files hold no SSD detector.
        DeviceError: The device is not there, or the engine is not installed.
    """

    def __init__(
        self, model: ModelFiles, settings: SsdSettings, device: DeviceName, precision: Precision
    ) -> None:
        self._settings = settings
        engine = opener(model.path.suffix)
        runtime = runtime_of(engine, model, device, precision)
        try:
            self._model = engine.open_model(model.graph, model.weights, runtime)
            self._image = ImageInput.of(self._model.inputs, self._model.outputs)
            self.width, self.height = self._image.width, self._image.height
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
        return rows_of(self._model.run(self._image.blob(pixels, self._settings)))


def runtime_of(
    engine: Engine, model: ModelFiles, device: DeviceName, precision: Precision
) -> Runtime:
    """Returns what computes a model: as its engine computes O-Net.

    Raises:
        DeviceError: The engine does not serve the device.
    """
    if device not in engine.devices:
        able = " or ".join(name.upper() for name in engine.devices)
        raise DeviceError(
            f"'{model.path}' runs on the {able} only: leave --device {device} away, or give ONNX"
        )
    if precision not in engine.precisions:
        precision = engine.precisions[0]
    return engine.device(device, precision).runtimes["onet"]
