"""What finds faces: one interface, and the list of detectors behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.engines.engine import Device
from mtcnn_core.faces import Faces
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.settings.models import CASCADE
from mtcnn_core.stopwatch import Stopwatch
from mtcnn_core.weights import Weights


class Detector(Protocol):
    """Finds faces and five landmarks of each.

    Attributes:
        settings: What it looks for.
        weights: Weights of its networks of the cascade.
        device: What computes the networks.
        digests: Name -> digest of every model that takes part.
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


class DetectorKind(NamedTuple):
    """A way of finding faces, as the list of detectors knows it.

    Attributes:
        takes: Tells by the setting ``detector`` whether it is this one.
        open: Loads it for some settings, with the weights of the cascade's networks (None are
            those of the settings) and the stopwatch that is told the time spent in its stages.
    """

    takes: Callable[[str], bool]
    open: Callable[[DetectorSettings, Weights | None, Stopwatch | None], Detector]


def _cascade(
    settings: DetectorSettings, weights: Weights | None, stopwatch: Stopwatch | None
) -> Detector:
    from mtcnn_core.cascade.detector import FaceDetector

    return FaceDetector(settings, weights, stopwatch=stopwatch)


def _ssd(
    settings: DetectorSettings, weights: Weights | None, stopwatch: Stopwatch | None
) -> Detector:
    from mtcnn_core.ssd.detector import SsdDetector

    return SsdDetector(settings, weights, stopwatch)


def _is_dense(name: str) -> bool:
    from mtcnn_core.dense.recognise import is_dense
    from mtcnn_core.ssd.files import read_model

    return is_dense(read_model(name))


def _dense(
    settings: DetectorSettings, weights: Weights | None, stopwatch: Stopwatch | None
) -> Detector:
    from mtcnn_core.dense.detector import DenseDetector

    return DenseDetector(settings, weights, stopwatch)


# The first that takes the setting is opened. A new detector is a folder beside `ssd/` and one line
# here, above the last: that one takes whatever is the name or the path of a model's file.
DETECTORS = (
    DetectorKind(lambda name: name == CASCADE, _cascade),
    DetectorKind(_is_dense, _dense),
    DetectorKind(lambda name: True, _ssd),
)


def make_detector(
    settings: DetectorSettings,
    weights: Weights | None = None,
    stopwatch: Stopwatch | None = None,
) -> Detector:
    """Loads the detector that the settings name.

    Args:
        settings: What to look for, and with what.
        weights: Weights of the cascade's networks; those of the settings by default.
        stopwatch: Told the time spent in its stages.

    Raises:
        mtcnn_core.weights.errors.WeightsError: A model is not there or not one, or the weights are
            not installed or imported.
        mtcnn_core.engines.errors.DeviceError: The device or the engine is not there.
    """
    kind = next(kind for kind in DETECTORS if kind.takes(settings.detector))
    return kind.open(settings, weights, stopwatch)
