"""The cascade of Zhang et al. (2016): proposal, refinement, output.

Coordinates are continuous from the first cell to the last landmark: nothing is floored, rounded
or shifted by a pixel. With the same weights that is worth 0.007 to 0.016 WIDER FACE AP and a
quarter of the landmark error against the usual ports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from mtcnn_core.cascade.candidates import Candidates
from mtcnn_core.cascade.pooling import POOLINGS, Pooled
from mtcnn_core.cascade.pyramid import check_image
from mtcnn_core.cascade.second_looks import find_with_second_looks
from mtcnn_core.cascade.squares import Squares
from mtcnn_core.cascade.stages import Stages
from mtcnn_core.cascade.views import View
from mtcnn_core.engines.engine import Device
from mtcnn_core.engines.registry import find_device
from mtcnn_core.faces import Faces
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.stopwatch import Stopwatch
from mtcnn_core.weights import Weights
from mtcnn_core.weights.load import load_weights


class FaceDetector:
    """Finds faces and five landmarks of each.

    Not thread-safe; make one per thread. On a CPU it uses the calling thread only.

    Args:
        settings: What to look for.
        weights: Arrays of the three networks; those of the settings by default.
        device: What computes the networks; that of the settings by default.
        stopwatch: Told the time spent in ``pyramid``, ``pnet``, ``nms``, ``crop``, ``rnet`` and
            ``onet``.

    Raises:
        mtcnn_core.weights.errors.WeightsError: The weights are not installed or imported.
        mtcnn_core.engines.errors.DeviceError: The device is not there.
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
        self.weights = weights or load_weights(self.settings.weights)
        self.device = device or find_device(
            self.settings.device, self.settings.engine, self.settings.precision
        )
        self._views = _views(self.settings)
        self._time = stopwatch or Stopwatch()
        self._stages = Stages(self.weights, self.device, self.settings, self._time)

    @property
    def digests(self) -> Mapping[str, str]:
        """Network -> digest of its weights."""
        return self.weights.digests

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
        for image in images:
            check_image(image)
        pairs = zip(images, sizes, strict=True)
        full = [size or (image.shape[1], image.shape[0]) for image, size in pairs]
        return find_with_second_looks(self._find, self.settings, images, full)

    def _find(
        self, images: Sequence[NDArray[np.uint8]], full: Sequence[tuple[int, int]]
    ) -> list[Faces]:
        photos, candidates = self._look_for(0, images, full)
        found = [[each] for each in candidates]
        # One view after the other: so the copies of a large photo are not there at once.
        for number in range(1, len(self._views)):
            _, candidates = self._look_for(number, images, full)
            for parts, each in zip(found, candidates, strict=True):
                parts.append(each)
        pooled = [self._pooled(Candidates.joined(parts)) for parts in found]
        for photo, faces in zip(photos, pooled, strict=True):
            photo.boxes = faces.boxes
        landmarks = self._stages.output.landmarks(photos)
        for number, view in enumerate(self._views):
            if view.degrees:
                self._place_turned(view, number, images, full, pooled, landmarks)
        return [
            Faces(faces.boxes, faces.scores, points)
            for faces, points in zip(pooled, landmarks, strict=True)
        ]

    def _look_for(
        self, number: int, images: Sequence[NDArray[np.uint8]], sizes: Sequence[tuple[int, int]]
    ) -> tuple[list[Squares], list[Candidates]]:
        """Runs the three stages on one view of each photo; the candidates are in the photo."""
        view = self._views[number]
        seen = [view.of(image, size) for image, size in zip(images, sizes, strict=True)]
        photos = [self._stages.begin(each.pixels, each.size, view.min_face) for each in seen]
        self._stages.propose(photos)
        self._stages.refine(photos)
        found = self._stages.output.candidates(photos, number)
        back = [each.to_photo(candidates) for each, candidates in zip(seen, found, strict=True)]
        return photos, back

    def _place_turned(
        self,
        view: View,
        number: int,
        images: Sequence[NDArray[np.uint8]],
        sizes: Sequence[tuple[int, int]],
        pooled: Sequence[Pooled],
        landmarks: Sequence[NDArray[np.float32]],
    ) -> None:
        """Places the landmarks of faces that a turned view was surest of, as they are seen in it.

        O-Net puts those of a face on its side where they would be if it were upright.
        """
        for image, size, faces, points in zip(images, sizes, pooled, landmarks, strict=True):
            turned = faces.views == number
            if turned.any():
                seen = view.of(image, size)
                photo = self._stages.begin(seen.pixels, seen.size, view.min_face)
                photo.boxes = seen.boxes_of(faces.boxes[turned])
                points[turned] = seen.points_to_photo(self._stages.output.landmarks([photo])[0])

    def _pooled(self, found: Candidates) -> Pooled:
        if not len(found):
            return Pooled(found.boxes, found.logits, found.views)
        pool = POOLINGS[self.settings.pooling]
        with self._time("nms"):
            faces = pool(found, self.settings.nms_output, len(self._views))
        sure = faces.scores >= self.settings.min_score
        return Pooled(faces.boxes[sure], faces.scores[sure], faces.views[sure])


def _views(settings: DetectorSettings) -> list[View]:
    """The photo as it is, mirrored and turned, as far as that is wanted."""
    views = [View(settings.min_face)]
    if settings.mirror == "photo":
        views.append(View(settings.min_face, mirrored=True))
    return views + [View(settings.turned_min_face, degrees=turn) for turn in settings.turns]
