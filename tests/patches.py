"""The cascade done in other ways than its settings allow, because they are no better."""

from __future__ import annotations

from unittest import mock

import cv2
import numpy as np
from numpy.typing import NDArray

from mtcnn_core.cascade import boxes as bx
from mtcnn_core.cascade.boxes import Boxes
from mtcnn_core.cascade.detector import FaceDetector
from mtcnn_core.cascade.pyramid import Level, Pyramid
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.weights import PNET


class LevelsByArea(Pyramid):
    """Each level is the mean of areas of the full photo."""

    interpolation = cv2.INTER_AREA

    def _reduce(self, scale: float) -> Level:
        width, height = self._size
        size = int(np.ceil(width * scale)), int(np.ceil(height * scale))
        pixels = cv2.resize(self._ladder[0].pixels, size, interpolation=self.interpolation)
        return self._level(pixels.astype(np.uint8, copy=False))


class LevelsFromFull(LevelsByArea):
    """Each level is interpolated from the full photo."""

    interpolation = cv2.INTER_LINEAR


class CropsFromFull(Pyramid):
    """Crops are interpolated from the full photo, however large the face."""

    def crops(self, boxes: Boxes, side: int) -> NDArray[np.float32]:
        with mock.patch.object(self, "_scales", self._scales[:1]):
            return super().crops(boxes, side)


class CropsInBytes(Pyramid):
    """Crops are rounded to whole grey levels."""

    def crops(self, boxes: Boxes, side: int) -> NDArray[np.float32]:
        return np.rint(super().crops(boxes, side))


class OneByOne(Pyramid):
    """Crops are cut by one warp each: the same, but boxes may be rectangles and borders differ."""

    border = cv2.BORDER_CONSTANT
    grey = 0.0

    def seen(self, boxes: Boxes) -> Boxes:
        """What of the photo a network is shown for its boxes."""
        return boxes

    def crops(self, boxes: Boxes, side: int) -> NDArray[np.float32]:
        crops = np.empty((len(boxes), side, side, 3), np.float32)
        for crop, box in zip(crops, self.seen(boxes).astype(np.float64), strict=True):
            steps = (box[2:] - box[:2]) / side * self._scales
            index = max(int((steps.min(axis=1) >= 1).sum()) - 1, 0)
            source = self._ladder[index].pixels.astype(np.float32)
            first = box[:2] * self._scales[index] + 0.5 * steps[index] - 0.5
            matrix = np.column_stack([np.diag(steps[index]), first])
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            colour = (self.grey,) * 3
            cv2.warpAffine(source, matrix, (side, side), crop, flags, self.border, colour)
        return crops


class GreyBorder(OneByOne):
    """Outside the photo is what the networks see as 0."""

    grey = 127.5


class ContinuedBorder(OneByOne):
    """Outside the photo its last pixels go on."""

    border = cv2.BORDER_REPLICATE


class Clipped(OneByOne):
    """A box that reaches out of the photo is cut off there, and what is left is stretched."""

    border = cv2.BORDER_REPLICATE

    def seen(self, boxes: Boxes) -> Boxes:
        return np.clip(boxes, 0, np.array([*self._size, *self._size], np.float32))


class Rounded(OneByOne):
    """The boxes that R-Net and O-Net are shown have whole pixels."""

    def visible(self, boxes: Boxes) -> Boxes:
        return super().visible(np.rint(boxes))


class Truncated(OneByOne):
    """The same, with the fraction cut off."""

    def visible(self, boxes: Boxes) -> Boxes:
        return super().visible(np.trunc(boxes))


class Ported(Truncated):
    """The usual ports: a box from pixel 3 to pixel 7 begins before the third and ends after it."""

    def seen(self, boxes: Boxes) -> Boxes:
        return boxes - np.array([1, 1, 0, 0], np.float32)


class Facenet(Ported, LevelsByArea):
    """And their resampling: the part inside the photo, stretched by means of areas."""

    def crops(self, boxes: Boxes, side: int) -> NDArray[np.float32]:
        crops = np.empty((len(boxes), side, side, 3), np.float32)
        limits = [*self._size, *self._size]
        for crop, box in zip(crops, np.clip(self.seen(boxes), 0, limits).astype(int), strict=True):
            part = self._ladder[0].pixels[box[1] : box[3], box[0] : box[2]]
            crop[:] = cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA)
        return crops


class PortedDetector(FaceDetector):
    """The usual ports: P-Net's cells are whole pixels of the photo, and shifted."""

    def __init__(self, settings: DetectorSettings) -> None:
        super().__init__(settings)
        propose = self._proposals.propose

        def shifted(pyramid: Pyramid) -> Boxes:
            with mock.patch.object(bx, "regress", _regress_cells):
                return propose(pyramid)

        self._proposals.propose = shifted  # type: ignore[method-assign]


_regress = bx.regress


def _regress_cells(cells: Boxes, offsets: NDArray[np.float32]) -> Boxes:
    level_pixel = (cells[:, 2:] - cells[:, :2]) / np.float32(PNET.side)
    first = np.trunc(cells[:, :2] + level_pixel)
    return _regress(np.concatenate([first, np.trunc(cells[:, 2:])], axis=1), offsets)


def regress_and_one(boxes: Boxes, offsets: NDArray[np.float32]) -> Boxes:
    """The usual ports: a box from pixel 3 to pixel 7 is five pixels wide."""
    size = boxes[:, 2:] - boxes[:, :2] + np.float32(1)
    moved: Boxes = boxes + offsets * np.concatenate([size, size], axis=1)
    return moved


def flat_score(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """A score in the same order as the softmax, but spread from 0 to 1."""
    return np.asarray(1 / (1 + np.exp(-logits / 4)), np.float32)
