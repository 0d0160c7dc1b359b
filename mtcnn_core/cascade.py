"""The cascade of Zhang et al. (2016): proposal, refinement, output.

Coordinates are continuous from the first cell to the last landmark: nothing is floored, rounded
or shifted by a pixel. With the same weights that is worth 0.007 to 0.016 WIDER FACE AP and a
quarter of the landmark error against the usual ports.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass as validated

from mtcnn_core import boxes as bx
from mtcnn_core.cell_nms import STRIDE, Indices, nms_cells
from mtcnn_core.devices import Device, DeviceName, EngineName, Precision, find_device
from mtcnn_core.faces import Faces
from mtcnn_core.pyramid import Level, Pyramid
from mtcnn_core.sessions import CropSession, ProposalSession
from mtcnn_core.stopwatch import Stopwatch
from mtcnn_core.weights import ONET, PNET, RNET, Weights, load_default

Fraction = Annotated[float, Field(ge=0, le=1)]
Threshold = Annotated[float, Field(gt=0, lt=1)]


@validated(frozen=True, config=ConfigDict(extra="forbid"))
class DetectorSettings:
    """What the cascade looks for.

    Attributes:
        min_face: Side in pixels of the smallest face to find. The cost of P-Net falls with its
            square.
        factor: Ratio of neighbouring pyramid scales.
        thresholds: Lowest score that passes P-Net, R-Net and O-Net.
        nms_level: Overlap (intersection over union) allowed within a pyramid level.
        nms_proposals: The same across levels.
        nms_refined: The same after R-Net.
        nms_output: Overlap (intersection over the smaller box) allowed after O-Net.
        device: What the networks run on.
        engine: What computes them; with openvino P-Net stays with ONNX Runtime, which is as fast,
            unless it is in bfloat16.
        precision: bf16 computes R-Net and O-Net in bfloat16: 0.86 of the time a photo, WIDER FACE
            AP within 0.002. bf16-all P-Net too: 0.77 of the time, and an AP up to 0.005 lower.
            Both need openvino.
    """

    min_face: Annotated[float, Field(ge=12, le=10_000)] = 20
    factor: Annotated[float, Field(ge=0.1, le=0.95)] = 0.709
    thresholds: tuple[Threshold, Threshold, Threshold] = (0.6, 0.7, 0.7)
    nms_level: Fraction = 0.5
    nms_proposals: Fraction = 0.7
    nms_refined: Fraction = 0.7
    nms_output: Fraction = 0.7
    device: DeviceName = "cpu"
    engine: EngineName = "onnxruntime"
    precision: Precision = "f32"

    @model_validator(mode="after")
    def _possible(self) -> DetectorSettings:
        if self.engine == "openvino" and self.device != "cpu":
            raise ValueError(f"engine openvino needs device cpu, not {self.device}")
        if self.engine != "openvino" and self.precision != "f32":
            raise ValueError(f"precision {self.precision} needs engine openvino")
        return self


class FaceDetector:
    """Finds faces and five landmarks of each.

    Not thread-safe; make one per thread. On a CPU it uses the calling thread only.

    Args:
        settings: What to look for.
        weights: Of the three networks; the original ones by default.
        device: What the networks run on; that of the settings by default.
        stopwatch: Told the time spent in ``pyramid``, ``pnet``, ``nms``, ``crop``, ``rnet`` and
            ``onet``.

    Raises:
        mtcnn_core.weights.WeightsError: The default weights are not installed.
        mtcnn_core.devices.DeviceError: The device is not there.
    """

    def __init__(
        self,
        settings: DetectorSettings | None = None,
        weights: Weights | None = None,
        device: Device | None = None,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        cv2.setNumThreads(1)
        self.settings = settings or DetectorSettings()
        self.weights = weights or load_default()
        self.device = device or find_device(
            self.settings.device, self.settings.engine, self.settings.precision
        )
        self._time = stopwatch or Stopwatch()
        self._pnet = ProposalSession(self.weights, self.device, self._time)
        self._rnet = CropSession(RNET, self.weights, self.device, self._time)
        self._onet = CropSession(ONET, self.weights, self.device, self._time)

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
        return self.detect_many([image], [size])[0]

    def detect_many(
        self, images: Sequence[NDArray[np.uint8]], sizes: Sequence[tuple[int, int] | None]
    ) -> list[Faces]:
        """Finds the faces of several images, whose crops share batches.

        Args:
            images: As for :meth:`detect`, of any mix of sizes.
            sizes: As for :meth:`detect`, one an image.

        Returns:
            The faces of each image.

        Raises:
            ValueError: An image is not uint8 ``(h, w, 3)``.
        """
        photos = [self._photo(image, size) for image, size in zip(images, sizes, strict=True)]
        for photo in photos:
            photo.boxes = self._propose(photo.pyramid)
        self._refine(photos)
        return self._output(photos)

    def _photo(self, image: NDArray[np.uint8], size: tuple[int, int] | None) -> _Photo:
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
            raise ValueError(
                f"an image is a uint8 array (h, w, 3), not {image.dtype} {image.shape}"
            )
        with self._time("pyramid"):
            pyramid = Pyramid(image, self.settings.min_face, self.settings.factor, size)
        return _Photo(pyramid)

    def _propose(self, pyramid: Pyramid) -> bx.Boxes:
        """P-Net on every level: squares that may hold a face."""
        if not pyramid.levels:
            return np.empty((0, 4), np.float32)
        found = [self._scan(level) for level in pyramid.levels]
        level = np.repeat(np.arange(len(found)), [len(rows) for rows, _, _ in found])
        rows, columns, heads = (np.concatenate(parts, -1) for parts in zip(*found, strict=True))
        # Suppressed on the grid, where overlaps are exact: cells two steps apart in one direction
        # overlap by just 0.5, and in pixels of the photo rounding would decide which of them stay.
        # All levels at once, one below the other, so that no cell reaches into the next.
        tops = np.cumsum([0, *(math.ceil(len(each.pixels) / STRIDE) for each in pyramid.levels)])
        with self._time("nms"):
            keep = nms_cells(rows + tops[level], columns, heads[0], self.settings.nms_level)
        corners = STRIDE * np.stack([columns[keep], rows[keep]], axis=1)
        scales = np.array([2 * each.scale for each in pyramid.levels])[level[keep]]
        squares = np.concatenate([corners, corners + PNET.side], axis=1)
        cells = (squares / scales).astype(np.float32)
        logits, offsets = heads[0, keep], heads[1:, keep].T
        if max(self.settings.nms_level, pyramid.largest_overlap) > self.settings.nms_proposals:
            with self._time("nms"):
                keep = bx.nms(cells, logits, self.settings.nms_proposals)
            cells, offsets = cells[keep], offsets[keep]
        return pyramid.visible(bx.square(bx.regress(cells, offsets)))

    def _scan(self, level: Level) -> tuple[Indices, Indices, NDArray[np.float32]]:
        """P-Net on one level: rows and columns of the cells that pass, their heads ``(5, n)``."""
        heads = self._pnet(level.pixels)
        # On flat arrays: 0.1 ms a photo in place of 0.3.
        places = np.flatnonzero(heads[0] >= _logit(self.settings.thresholds[0]))
        rows, columns = np.divmod(places, heads.shape[2])
        return rows, columns, heads.reshape(5, -1)[:, places]

    def _refine(self, photos: Sequence[_Photo]) -> None:
        """R-Net on 24 px crops: fewer and better squares."""
        for photo, heads in zip(photos, self._look(self._rnet, photos), strict=True):
            passed = heads[:, 0] >= _logit(self.settings.thresholds[1])
            boxes, heads = photo.boxes[passed], heads[passed]
            with self._time("nms"):
                keep = bx.nms(boxes, heads[:, 0], self.settings.nms_refined)
            squares = bx.square(bx.regress(boxes[keep], heads[keep, 1:5]))
            photo.boxes = photo.pyramid.visible(squares)

    def _output(self, photos: Sequence[_Photo]) -> list[Faces]:
        """O-Net on 48 px crops: faces with landmarks."""
        return [
            self._faces(photo.boxes, heads)
            for photo, heads in zip(photos, self._look(self._onet, photos), strict=True)
        ]

    def _faces(self, boxes: bx.Boxes, heads: NDArray[np.float32]) -> Faces:
        passed = heads[:, 0] >= _logit(self.settings.thresholds[2])
        boxes, heads = boxes[passed], heads[passed]
        size = boxes[:, None, 2:] - boxes[:, None, :2]
        # O-Net gives five x, then five y, as fractions of the square it saw.
        fractions = heads[:, 5:].reshape(-1, 2, 5).transpose(0, 2, 1)
        landmarks = boxes[:, None, :2] + fractions * size
        boxes = bx.regress(boxes, heads[:, 1:5])
        with self._time("nms"):
            keep = bx.nms_minimum(boxes, heads[:, 0], self.settings.nms_output)
        return Faces(boxes[keep], _sigmoid(heads[keep, 0]), landmarks[keep])

    def _look(self, session: CropSession, photos: Sequence[_Photo]) -> list[NDArray[np.float32]]:
        """Runs a network on the boxes of all photos, in shared batches; its heads by photo."""
        bounds = [0, *accumulate(len(photo.boxes) for photo in photos)]
        starts, ends = bounds[:-1], bounds[1:]

        def cut(part: slice) -> NDArray[np.float32]:
            with self._time("crop"):
                pieces = [
                    photo.pyramid.crops(
                        photo.boxes[max(part.start - start, 0) : part.stop - start],
                        session.network.side,
                    )
                    for photo, start, end in zip(photos, starts, ends, strict=True)
                    if part.start < end and start < part.stop
                ]
                return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

        heads = session(bounds[-1], cut)
        return [heads[start:end] for start, end in zip(starts, ends, strict=True)]


@dataclass
class _Photo:
    """A photo on its way through the cascade: its pyramid and the squares found so far."""

    pyramid: Pyramid
    boxes: bx.Boxes = field(default_factory=lambda: np.empty((0, 4), np.float32))


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-logits)), np.float32)
