"""Faces found by an SSD model, with landmarks and a second opinion from O-Net."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from mtcnn_core.cascade import boxes as bx
from mtcnn_core.cascade.pyramid import Pyramid
from mtcnn_core.cascade.second_looks import find_with_second_looks
from mtcnn_core.cascade.sessions import CropSession
from mtcnn_core.engines.registry import find_device
from mtcnn_core.faces import Faces
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.settings.models import SSD
from mtcnn_core.ssd.files import read_model
from mtcnn_core.ssd.session import SsdSession
from mtcnn_core.stopwatch import Stopwatch
from mtcnn_core.weights import ONET, Weights
from mtcnn_core.weights.load import load_weights

# AP of face-detection-0204 on 292 photos of WIDER FACE, faces over 64 px / easy / medium / hard:
# .965 / .881 / .818 / .505 with its own scores and boxes, .969 / .893 / .842 / .559 with these.
# O-Net's score counts a quarter of the SSD's, both as logits.
_OPINION = 0.25
# The box is in the middle of theirs.
_CORRECTION = 0.5
# O-Net is not shown what it could lift over the threshold only by being all but certain: half of
# its crops, for .002 of the hard AP.
_WORTH_A_LOOK = 0.4

# The levels that crops are cut from: the photo, halves, quarters ...
_FACTOR = 0.5
_SMALLEST = 24.0


class SsdDetector:
    """Finds faces and five landmarks of each, with an SSD model in place of P-Net and R-Net.

    It looks at the photo as a whole, reduced to a fixed size: for large faces it is better than
    the cascade, for small ones worse. Not thread-safe; make one per thread. On a CPU it uses the
    calling thread only.

    Args:
        settings: What to look for; of the cascade's settings, only the smallest face counts.
        weights: Weights of O-Net; those of the settings by default.
        stopwatch: Told the time spent in ``pyramid``, ``ssd``, ``crop`` and ``onet``.

    Raises:
        mtcnn_core.weights.errors.WeightsError: The model is not there or not an SSD one, or the
            weights are not installed or imported.
        mtcnn_core.engines.errors.DeviceError: The device or the engine is not there.
    """

    def __init__(
        self,
        settings: DetectorSettings,
        weights: Weights | None = None,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        cv2.setNumThreads(1)
        self.settings = settings
        self.weights = weights or load_weights(settings.weights)
        self.device = find_device(settings.device, settings.engine, settings.precision)
        self._time = stopwatch or Stopwatch()
        model = read_model(settings.detector)
        self._ssd = SsdSession(model, settings.ssd, settings.device, settings.precision)
        self._onet = CropSession(ONET, self.weights, self.device, self._time)
        self.digests: Mapping[str, str] = MappingProxyType(
            {SSD: model.digest, ONET.name: self.weights.digests[ONET.name]}
        )

    def detect(self, image: NDArray[np.uint8], size: tuple[int, int] | None = None) -> Faces:
        """Finds the faces of one image; see :class:`mtcnn_core.detectors.Detector`."""
        return self.detect_many([image], [size])[0]

    def detect_many(
        self, images: Sequence[NDArray[np.uint8]], sizes: Sequence[tuple[int, int] | None]
    ) -> list[Faces]:
        """Finds the faces of several images; see :class:`mtcnn_core.detectors.Detector`."""
        pairs = zip(images, sizes, strict=True)
        full = [size or (image.shape[1], image.shape[0]) for image, size in pairs]
        return find_with_second_looks(self._find, self.settings, images, full)

    def _find(
        self, images: Sequence[NDArray[np.uint8]], sizes: Sequence[tuple[int, int]]
    ) -> list[Faces]:
        return [self._find_in(image, size) for image, size in zip(images, sizes, strict=True)]

    def _find_in(self, image: NDArray[np.uint8], size: tuple[int, int]) -> Faces:
        with self._time("pyramid"):
            smallest = max(self.settings.min_face, _SMALLEST)
            pyramid = Pyramid(image, smallest, _FACTOR, size)
        boxes, confidences = self._propose(image, pyramid, size)
        squares = bx.square(boxes)
        heads = self._look(pyramid, squares)
        boxes += _CORRECTION * (bx.regress(squares, heads[:, 1:5]) - boxes)
        scores = _score(confidences, heads[:, 0])
        sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)
        passed = (scores >= self.settings.ssd.threshold) & (sides >= self.settings.min_face)
        faces = Faces(boxes, scores, bx.points(squares, heads[:, 5:]))[passed]
        return faces[np.argsort(-faces.scores, kind="stable")]

    def _propose(
        self, image: NDArray[np.uint8], pyramid: Pyramid, size: tuple[int, int]
    ) -> tuple[bx.Boxes, bx.Scores]:
        """What the SSD finds: boxes in pixels of the photo by falling size, and how sure it is."""
        with self._time(SSD):
            rows = self._ssd(self._seen(image, pyramid))
        boxes = rows[:, 3:] * np.array([*size, *size], np.float32)
        wanted = rows[:, 2] >= _WORTH_A_LOOK * self.settings.ssd.threshold
        wanted &= bx.visible(boxes, *size)
        if self.settings.ssd.label is not None:
            wanted &= rows[:, 1] == self.settings.ssd.label
        boxes, confidences = boxes[wanted], rows[wanted, 2]
        # So the pyramid finds those of one level side by side.
        order = np.argsort(-(boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0), kind="stable")
        return boxes[order], confidences[order]

    def _seen(self, image: NDArray[np.uint8], pyramid: Pyramid) -> NDArray[np.uint8]:
        """The smallest level at least as large as the model's input, so that nothing aliases."""
        for level in reversed(pyramid.levels):
            height, width = level.pixels.shape[:2]
            if width >= self._ssd.width and height >= self._ssd.height:
                return level.pixels
        return image

    def _look(self, pyramid: Pyramid, squares: bx.Boxes) -> NDArray[np.float32]:
        """O-Net's heads for squares of the photo."""

        def cut(part: slice) -> NDArray[np.float32]:
            with self._time("crop"):
                return pyramid.crops(squares[part], ONET.side)

        return self._onet(len(squares), cut)


def _score(confidences: bx.Scores, logits: NDArray[np.float32]) -> bx.Scores:
    """The probability halfway between both opinions, by their weights."""
    sure = np.clip(confidences, 1e-6, 1 - 1e-6)
    mean = (np.log(sure / (1 - sure)) + _OPINION * logits) / (1 + _OPINION)
    return np.asarray(1 / (1 + np.exp(-mean)), np.float32)
