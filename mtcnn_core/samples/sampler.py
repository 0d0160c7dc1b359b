"""From a photo and its ground truth to samples for one network."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.cascade import boxes as bx
from mtcnn_core.samples.drawing import about, anywhere, beside
from mtcnn_core.samples.labels import Labels
from mtcnn_core.samples.points import landmark_samples
from mtcnn_core.samples.samples import NEGATIVE, PART, POSITIVE, Samples
from mtcnn_core.samples.shown import Cascade, Shown, network_of
from mtcnn_core.samples.truth import TrueFaces
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.settings.samples import SampleSettings
from mtcnn_core.stopwatch import Stopwatch
from mtcnn_core.weights import Weights


@dataclass(frozen=True, eq=False)
class Sampled:
    """The samples of a photo.

    Attributes:
        samples: In order of falling squares, landmark samples last.
        faces: Faces that were learned from.
        ignored: Faces that were not: too small, or marked as not to be.
        unusable: Boxes without an area inside the photo.
        doubtful: Faces whose landmarks were left out, since they are far from where the cascade
            sees them.
        missed: Faces that no square shown to the network overlaps as a positive or part.
    """

    samples: Samples
    faces: int
    ignored: int
    unusable: int
    doubtful: int
    missed: int


class Sampler:
    """Makes samples; the same photo gives the same ones, wherever and whenever.

    Not thread-safe; make one per thread.

    Args:
        settings: Which samples.
        detect: How the cascade looks at photos.
        weights: Its networks as they are now.
        stopwatch: Told the time spent in the cascade's stages.

    Raises:
        mtcnn_core.engines.errors.DeviceError: The device is not there.
    """

    def __init__(
        self,
        settings: SampleSettings,
        detect: DetectorSettings,
        weights: Weights,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        self._settings = settings
        self._smallest = detect.min_face
        self._side = network_of(settings.stage).side
        self._cascade = Cascade(settings, detect, weights, stopwatch or Stopwatch())

    def sample(
        self, image: NDArray[np.uint8], size: tuple[int, int], truth: TrueFaces, key: str
    ) -> Sampled:
        """Returns the samples of a photo.

        Args:
            image: uint8 ``(h, w, 3)`` RGB.
            size: ``(width, height)`` of the photo, of which that may be a reduction.
            truth: Its faces.
            key: Its name; with the seed it decides what is drawn.
        """
        rng = np.random.default_rng([self._settings.seed, zlib.crc32(key.encode())])
        unusable = truth.unusable(*size)
        usable = truth[~unusable]
        labels = Labels(usable, self._settings)
        shown = self._cascade.shown(image, size)
        parts, doubtful = [], 0
        # Where a face has no box, nothing can be said of squares.
        if not np.isnan(usable.boxes).any():
            squares, scores = self._squares(labels, shown, size, rng)
            parts.append(labels.label(squares, shown.crops(squares, self._side), scores))
        if self._settings.stage == "o":
            points, doubtful = landmark_samples(usable, shown, self._settings, rng, self._side)
            parts.append(points)
        missed = self._count_missed(labels, shown)
        faces = int((~np.isnan(usable.landmarks[:, 0, 0]) & ~usable.ignored).sum())
        if not np.isnan(usable.boxes).any():
            faces = len(labels.faces)
        return Sampled(
            Samples.joined(parts) if parts else Samples.empty(self._side),
            faces,
            len(usable) - faces,
            int(unusable.sum()),
            doubtful,
            missed,
        )

    def _squares(
        self, labels: Labels, shown: Shown, size: tuple[int, int], rng: np.random.Generator
    ) -> tuple[bx.Boxes, NDArray[np.float32]]:
        """Squares by falling size, and the network's logits; NaN of those that were drawn."""
        chosen = self._shown(labels, shown, rng)
        drawn = self._drawn(labels, size, rng)
        squares = np.concatenate([shown.photo.boxes[chosen], drawn])
        unasked = np.full(len(drawn), np.nan, np.float32)
        scores = np.concatenate([shown.scores[chosen], unasked])
        order = np.argsort(squares[:, 0] - squares[:, 2], kind="stable")
        return squares[order], scores[order]

    def _shown(self, labels: Labels, shown: Shown, rng: np.random.Generator) -> NDArray[np.intp]:
        """Numbers of the squares shown to the network that are taken."""
        said = self._settings
        kinds, _, faces = labels.kinds(shown.photo.boxes)
        negatives = np.flatnonzero(kinds == NEGATIVE)
        if said.hardest:
            negatives = negatives[np.argsort(-shown.scores[negatives], kind="stable")]
        else:
            negatives = rng.permutation(negatives)
        on = rng.permutation(np.flatnonzero((kinds == POSITIVE) | (kinds == PART)))
        on = _some_of_each(on, faces[on], said.shown_positives)
        return np.concatenate([on, negatives[: said.shown_negatives]]).astype(np.intp)

    def _drawn(self, labels: Labels, size: tuple[int, int], rng: np.random.Generator) -> bx.Boxes:
        said = self._settings
        boxes = labels.faces.boxes.astype(np.float32)
        near = about(boxes, said.drawn, rng)
        kinds, _, faces = labels.kinds(near)
        numbers = [
            _some_of_each(found, faces[found], most)
            for found, most in (
                (np.flatnonzero(kinds == POSITIVE), said.drawn_positives),
                (np.flatnonzero(kinds == PART), said.drawn_parts),
            )
        ]
        smallest = self._smallest
        others = np.concatenate(
            [
                beside(boxes, said.drawn_beside, smallest, rng),
                anywhere(*size, said.drawn_negatives, smallest, rng),
            ]
        )
        others = others[bx.visible(others, *size)]
        negatives = others[labels.kinds(others)[0] == NEGATIVE]
        return np.concatenate([near[np.concatenate(numbers)], negatives])

    def _count_missed(self, labels: Labels, shown: Shown) -> int:
        kinds, _, faces = labels.kinds(shown.photo.boxes)
        seen = np.unique(faces[(kinds == POSITIVE) | (kinds == PART)])
        return len(labels.faces) - len(seen)


def _some_of_each(
    numbers: NDArray[np.intp], faces: NDArray[np.intp], most: int
) -> NDArray[np.intp]:
    """At most so many numbers of each face, the first ones."""
    order = np.argsort(faces, kind="stable")
    starts = np.flatnonzero(np.diff(faces[order], prepend=-1))
    counts = np.diff(np.append(starts, len(order)))
    rank = np.arange(len(order)) - np.repeat(starts, counts)
    kept = np.sort(order[rank < most])
    return numbers[kept]
