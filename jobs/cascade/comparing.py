"""The old and the new weights on photos that were held out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from jobs.cascade.config import CascadeConfig
from jobs.cascade.held_out import HeldOut
from jobs.cascade.report import Compared, Followed
from jobs.messages.errors import UserError
from jobs.truth.wider import read_wider
from mtcnn_core.cascade.detector import FaceDetector
from mtcnn_core.evaluation.annotations import Annotation, Detections, subsets
from mtcnn_core.evaluation.comparison import compare
from mtcnn_core.evaluation.landmark_error import AnnotatedFaces, landmark_errors
from mtcnn_core.evaluation.wider_face import count
from mtcnn_core.faces import Faces
from mtcnn_core.samples.survival import SIZES, Survival
from mtcnn_core.samples.truth import TrueFaces
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.weights import Weights

_OLD, _NEW = "old", "new"


@dataclass(frozen=True)
class Comparison:
    """What old and new weights do on the same photos.

    Attributes:
        photos: How many photos.
        compared: Average precisions.
        followed: Where faces are lost.
    """

    photos: int
    compared: Sequence[Compared]
    followed: Sequence[Followed]


def compare_on(
    held_out: HeldOut,
    truth: str,
    config: CascadeConfig,
    weights: tuple[Weights, Weights],
    tick: Callable[[], None],
) -> Comparison:
    """Compares weights at equal thresholds.

    Args:
        held_out: The photos.
        truth: Where their ground truth is.
        config: All settings.
        weights: The old and the new ones.
        tick: Called after each photo; raises if the work is to stop.

    Raises:
        UserError: None of the photos can be read.
    """
    settings = _all_thresholds(config)
    named = dict(zip((_OLD, _NEW), weights, strict=True))
    detectors = {
        (name, number): FaceDetector(said, each)
        for name, each in named.items()
        for number, said in enumerate(settings)
    }
    survivals = {name: Survival(settings[0], each) for name, each in named.items()}
    found: dict[tuple[str, int], dict[str, Detections]] = {key: {} for key in detectors}
    seconds = dict.fromkeys(named, 0.0)
    names = []
    for photo in held_out.photos():
        names.append(photo.name)
        for key, detector in detectors.items():
            began = time.thread_time()
            faces = detector.detect(photo.pixels)
            if key[1] == 0:
                seconds[key[0]] += time.thread_time() - began
            found[key][photo.name] = _detections(faces)
        for survival in survivals.values():
            survival.look(photo.pixels, photo.size, photo.truth)
        tick()
    if not names:
        raise UserError("none of the photos held out can be read: give the folder of the photos")
    annotations = _annotations(truth, {name: held_out.truth[name] for name in names})
    compared = [
        _compared(said.thresholds, subset, annotations, found[_OLD, number], found[_NEW, number])
        for number, said in enumerate(settings)
        for subset in subsets(annotations)
    ]
    followed = [
        _followed(name, survival, 1e3 * seconds[name] / len(names))
        for name, survival in survivals.items()
    ]
    return Comparison(len(names), compared, followed)


def landmark_error_on(
    held_out: HeldOut, detect: DetectorSettings, weights: tuple[Weights, Weights]
) -> list[float]:
    """Median landmark error of old and new weights, of the distance of the eyes.

    Args:
        held_out: Photos whose landmarks are known.
        detect: How the detector looks at photos.
        weights: The old and the new ones.
    """
    detectors = [FaceDetector(detect, each) for each in weights]
    found: list[dict[str, Faces]] = [{} for _ in weights]
    truth = {}
    for photo in held_out.photos():
        truth[photo.name] = AnnotatedFaces(photo.truth.landmarks, photo.truth.boxes)
        for some, detector in zip(found, detectors, strict=True):
            some[photo.name] = detector.detect(photo.pixels)
    return [landmark_errors(truth, some).median for some in found]


def _all_thresholds(config: CascadeConfig) -> list[DetectorSettings]:
    """The detector's settings, and the same at other thresholds."""
    first = config.detect
    others = [each for each in config.cascade.thresholds if each != first.thresholds]
    return [first, *(replace(first, thresholds=each) for each in others)]


def _annotations(path: str, truth: Mapping[str, TrueFaces]) -> dict[str, Annotation]:
    """The faces by subsets, where the ground truth has some; else all but those to be ignored."""
    try:
        wider = read_wider(path)
        return {name: wider[name] for name in truth}
    except UserError:  # it was read before, so it is of another form
        return {
            name: Annotation(faces.boxes, {"all": np.flatnonzero(~faces.ignored)}, faces.ignored)
            for name, faces in truth.items()
        }


def _compared(
    thresholds: Sequence[float],
    subset: str,
    annotations: Mapping[str, Annotation],
    old: Mapping[str, Detections],
    new: Mapping[str, Detections],
) -> Compared:
    told = compare(count(annotations, old, subset), count(annotations, new, subset))
    return Compared(
        list(thresholds), subset, told.before, told.after, told.low, told.high, told.verdict
    )


def _followed(name: str, survival: Survival, ms: float) -> Followed:
    found = survival.found
    crops = (found.crops / max(1, found.photos)).tolist()
    return Followed(name, SIZES, found.faces.tolist(), found.left.tolist(), crops, ms)


def _detections(faces: Faces) -> Detections:
    return Detections(faces.boxes.astype(np.float64), faces.scores.astype(np.float64))
