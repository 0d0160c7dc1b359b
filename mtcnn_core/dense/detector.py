"""Faces and landmarks found by YuNet or SCRFD."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from mtcnn_core.cascade.boxes import visible
from mtcnn_core.cascade.pyramid import check_image
from mtcnn_core.cascade.second_looks import find_with_second_looks
from mtcnn_core.dense.session import DenseSession, joined, suppressed
from mtcnn_core.engines.registry import find_device
from mtcnn_core.faces import Faces
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.settings.models import DENSE
from mtcnn_core.ssd.files import read_model
from mtcnn_core.stopwatch import Stopwatch
from mtcnn_core.weights import Weights
from mtcnn_core.weights.load import load_weights

# A face whose box ends so near the edge of a tile, in pixels, may go on beyond it.
_EDGE = 2.0


class DenseDetector:
    """Finds faces and five landmarks of each, by one network for both.

    Not thread-safe; make one per thread. On a CPU it uses the calling thread only.

    Args:
        settings: What to look for; of the cascade's settings, only the smallest face counts.
        weights: Not used; those of the settings by default.
        stopwatch: Told the time spent in ``detector``.

    Raises:
        mtcnn_core.weights.errors.WeightsError: The model is not there, or none of this kind.
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
        self._session = DenseSession(model, settings)
        self.digests: Mapping[str, str] = MappingProxyType({DENSE: model.digest})

    def detect(self, image: NDArray[np.uint8], size: tuple[int, int] | None = None) -> Faces:
        """Finds the faces of one image; see :class:`mtcnn_core.detectors.Detector`."""
        return self.detect_many([image], [size])[0]

    def detect_many(
        self, images: Sequence[NDArray[np.uint8]], sizes: Sequence[tuple[int, int] | None]
    ) -> list[Faces]:
        """Finds the faces of several images; see :class:`mtcnn_core.detectors.Detector`."""
        for image in images:
            check_image(image)
        pairs = zip(images, sizes, strict=True)
        full = [size or (image.shape[1], image.shape[0]) for image, size in pairs]
        return find_with_second_looks(self._find, self.settings, images, full)

    def _find(
        self, images: Sequence[NDArray[np.uint8]], sizes: Sequence[tuple[int, int]]
    ) -> list[Faces]:
        return [self._find_in(image, size) for image, size in zip(images, sizes, strict=True)]

    def _find_in(self, image: NDArray[np.uint8], size: tuple[int, int]) -> Faces:
        longest = self.settings.longest_side
        side = None if longest == "none" else longest
        tile = self._session.fixed or (side and (side, side))
        height, width = image.shape[:2]
        with self._time(DENSE):
            found = [self._session.look(image, side)]
            if self.settings.dense.tiles and tile and (width > tile[0] or height > tile[1]):
                found += self._in_tiles(image, *tile)
        faces = suppressed(joined(found), self.settings.dense.nms)
        faces = faces.scaled(size[0] / width, size[1] / height)
        sides = (faces.boxes[:, 2:] - faces.boxes[:, :2]).max(axis=1, initial=0)
        wanted = (sides >= self.settings.min_face) & (faces.scores >= self.settings.min_score)
        return faces[visible(faces.boxes, *size) & wanted]

    def _in_tiles(self, image: NDArray[np.uint8], width: int, height: int) -> Iterator[Faces]:
        """Yields the faces of each tile, at the photo's own scale, that no inner edge cuts."""
        overlap = self.settings.dense.overlap
        ends = np.array([image.shape[1], image.shape[0]])
        for top in _starts(int(ends[1]), height, overlap):
            for left in _starts(int(ends[0]), width, overlap):
                tile = image[top : top + height, left : left + width]
                faces = self._session.look(np.ascontiguousarray(tile), None)
                low, high = np.array([left, top]), np.array([left + width, top + height])
                faces = faces.moved(left, top)
                begins = (low == 0) | (faces.boxes[:, :2] > low + _EDGE)
                stops = (high >= ends) | (faces.boxes[:, 2:] < high - _EDGE)
                yield faces[np.all(begins & stops, axis=1)]


def _starts(length: int, side: int, overlap: float) -> list[int]:
    """Where tiles begin that cover a length, evenly spread."""
    if length <= side:
        return [0]
    count = 1 + -(-(length - side) // max(1, int(side * (1 - overlap))))
    return [round(each) for each in np.linspace(0, length - side, count)]
