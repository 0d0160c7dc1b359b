"""What finds faces: one interface, the cascade or an SSD model behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.cascade import FaceDetector
from mtcnn_core.detector_settings import DetectorSettings
from mtcnn_core.devices import Device
from mtcnn_core.faces import Faces
from mtcnn_core.ssd.files import CASCADE
from mtcnn_core.stopwatch import Stopwatch
from mtcnn_core.weights import Weights


class Detector(Protocol):
    """Finds faces and five landmarks of each.

    Attributes:
        settings: What it looks for.
        weights: Of its networks of the cascade.
        device: What they run on.
        digests: Model -> digest, of all that take part.
    """

    @property
    def settings(self) -> DetectorSettings: ...  # noqa: D102 - see the class, as for the next ones

    @property
    def weights(self) -> Weights: ...  # noqa: D102

    @property
    def device(self) -> Device: ...  # noqa: D102

    @property
    def digests(self) -> Mapping[str, str]: ...  # noqa: D102

    def detect(self, image: NDArray[np.uint8], size: tuple[int, int] | None = None) -> Faces:
        """Finds the faces of one image.

        Args:
            image: uint8 ``(h, w, 3)`` RGB of any size, upright.
            size: ``(width, height)`` of the photo, if ``image`` is a reduction of it.

        Returns:
            Faces by descending score, in pixels of the photo; boxes are not clipped to it.

        Raises:
            ValueError: ``image`` is not uint8 ``(h, w, 3)``.
        """

    def detect_many(
        self, images: Sequence[NDArray[np.uint8]], sizes: Sequence[tuple[int, int] | None]
    ) -> list[Faces]:
        """Finds the faces of several images.

        Args:
            images: As for :meth:`detect`, of any mix of sizes.
            sizes: As for :meth:`detect`, one an image.

        Returns:
            The faces of each image.

        Raises:
            ValueError: An image is not uint8 ``(h, w, 3)``.
        """


def make_detector(
    settings: DetectorSettings,
    weights: Weights | None = None,
    stopwatch: Stopwatch | None = None,
) -> Detector:
    """Loads the detector that the settings name.

    Args:
        settings: What to look for, and with what.
        weights: Of the cascade's networks; those of the settings by default.
        stopwatch: Told the time spent in its stages.

    Raises:
        mtcnn_core.weights.WeightsError: A model is not there or not one, or the weights are not
            installed or imported.
        mtcnn_core.devices.DeviceError: The device is not there, or OpenVINO is not installed.
    """
    if settings.detector == CASCADE:
        return FaceDetector(settings, weights, stopwatch=stopwatch)
    # Imported here: the cascade does without.
    from mtcnn_core.ssd.detector import SsdDetector

    return SsdDetector(settings, weights, stopwatch)
