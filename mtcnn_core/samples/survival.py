"""How many faces are still there after each stage of the cascade, by their size."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.cascade import boxes as bx
from mtcnn_core.cascade.stages import Stages
from mtcnn_core.engines.registry import find_device
from mtcnn_core.samples.labels import Labels
from mtcnn_core.samples.truth import TrueFaces
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.settings.samples import SampleSettings
from mtcnn_core.stopwatch import Stopwatch
from mtcnn_core.weights import Weights

# Longer sides of faces in pixels, from which on each bin begins.
SIZES = (10, 20, 32, 64, 128)
STAGES = ("P-Net", "R-Net", "O-Net")


@dataclass
class Survivors:
    """Faces of some photos.

    Attributes:
        faces: int64 ``(5,)``: faces of each size in :data:`SIZES`.
        left: int64 ``(3, 5)``: of these, how many a square or box overlaps after each stage.
        crops: int64 ``(2,)``: crops that R-Net and O-Net were shown.
        photos: Photos.
    """

    faces: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(SIZES), np.int64))
    left: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros((len(STAGES), len(SIZES)), np.int64)
    )
    crops: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2, np.int64))
    photos: int = 0


class Survival:
    """Follows faces through the cascade.

    Args:
        detect: How it looks at photos; its thresholds count.
        weights: Its networks.

    Attributes:
        found: What was seen so far.

    Raises:
        mtcnn_core.engines.errors.DeviceError: The device is not there.
    """

    def __init__(self, detect: DetectorSettings, weights: Weights) -> None:
        device = find_device(detect.device, detect.engine, detect.precision)
        self._stages = Stages(weights, device, detect, Stopwatch())
        self._min_face = detect.min_face
        self._settings = SampleSettings(smallest=SIZES[0])
        self.found = Survivors()

    def look(self, image: NDArray[np.uint8], size: tuple[int, int], truth: TrueFaces) -> None:
        """Looks at a photo.

        Args:
            image: uint8 ``(h, w, 3)`` RGB.
            size: ``(width, height)`` of the photo, of which that may be a reduction.
            truth: Its faces.
        """
        labels = Labels(truth[~truth.unusable(*size)], self._settings)
        bins = np.searchsorted(SIZES, labels.sides, side="right") - 1
        self.found.faces += np.bincount(bins, minlength=len(SIZES))
        self.found.photos += 1
        photo = self._stages.begin(image, size, self._min_face)
        self._stages.propose([photo])
        shown = [photo.boxes]
        self._stages.refine([photo])
        shown.append(photo.boxes)
        self.found.crops += [len(boxes) for boxes in shown]
        [found] = self._stages.output.candidates([photo], 0)
        for stage, boxes in enumerate([*shown, found.boxes]):
            seen = self._seen(labels, boxes)
            self.found.left[stage] += np.bincount(bins[seen], minlength=len(SIZES))

    def _seen(self, labels: Labels, boxes: bx.Boxes) -> NDArray[np.bool_]:
        """Which faces a box overlaps as a part at least."""
        if not len(boxes):
            return np.zeros(len(labels.sides), np.bool_)
        faces = labels.faces.boxes.astype(np.float32)
        overlaps = bx.iou(faces, boxes).max(axis=1, initial=0)
        seen: NDArray[np.bool_] = overlaps >= self._settings.part_iou
        return seen
