"""The command `evaluate landmarks`: how far the five points are from where they belong."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np

from jobs.engine.interrupts import interrupts
from jobs.evaluation.detection import default_output, detect
from jobs.evaluation.found_photos import FoundPhoto
from jobs.evaluation.pictures import Pictures
from jobs.evaluation.plots import Axis, Line, check_plots, plot
from jobs.evaluation.results import Folder, Results
from jobs.evaluation.sheets import MOST, Request, sheet
from jobs.extract.config import Config
from jobs.truth.landmarks import read_landmarks
from mtcnn_core.evaluation.landmark_error import (
    FAILURE,
    AnnotatedFaces,
    LandmarkErrors,
    landmark_errors,
)
from mtcnn_core.faces import LANDMARKS
from mtcnn_core.pictures.contact_sheet import GREEN, RED, Mark

_PLOT_TO = 0.3
_SEEN = 1.2  # side of the square around the points, in sides of theirs
_SHEET = "The {} worst of {:,} faces: annotated points in green, found ones in red"


def evaluate_landmarks(
    images: str, annotations: str, output: str | None, config: Config, *, limit: int | None = None
) -> Results:
    """Finds the faces of photos whose landmarks are known, and measures how far they are off.

    Args:
        images: The photos, as for `extract`.
        annotations: As for `read_landmarks`.
        output: Folder of the evaluation; None is one named for the config.
        config: All settings.
        limit: How many photos at most.

    Raises:
        jobs.messages.errors.UserError: Something the user has to change.
        jobs.messages.errors.Interrupted: SIGINT or SIGTERM; the same call resumes.
        mtcnn_core.engines.errors.DeviceError: The device is not there.
        mtcnn_core.weights.errors.WeightsError: The weights are not installed.
    """
    check_plots()
    with interrupts():
        truth = read_landmarks(annotations)
        output = output or default_output("landmarks", config)
        found = detect(images, truth, output, config, limit)
        began = time.monotonic()
        scored = {name: truth[name] for name in found.photos}
        errors = landmark_errors(scored, {name: each.faces for name, each in found.photos.items()})
        folder = Folder(output, config.output.storage_options)
        _draw(folder, errors, scored, found.photos, found.pictures)
        metrics = {
            "evaluation": "landmarks",
            "ground_truth": annotations,
            "faces": len(errors),
            "faces_found": errors.found,
            "error": errors.mean,
            "error_by_point": dict(zip(LANDMARKS, errors.mean_by_point.tolist(), strict=True)),
            "failure_rate": errors.failure_rate(),
            **found.about(),
        }
        return folder.finish(metrics, time.monotonic() - began, found.summary.exit_code)


def _draw(
    folder: Folder,
    errors: LandmarkErrors,
    truth: Mapping[str, AnnotatedFaces],
    photos: Mapping[str, FoundPhoto],
    pictures: Pictures,
) -> None:
    """Writes the error of each face, the curve, and the contact sheet."""
    # Those that were not found last in the file, and first on the sheet.
    worst_last = np.argsort(errors.errors, kind="stable").tolist()
    folder.write_rows(
        "errors.csv",
        ["photo", "face", "error"],
        (
            (photo, int(face), f"{error:.6f}" if np.isfinite(error) else "")
            for photo, face, error in zip(errors.photos, errors.faces, errors.errors, strict=True)
        ),
    )
    limits = np.linspace(0, _PLOT_TO, 301)
    label = f"NME {errors.mean:.4f}, over {FAILURE:g}: {errors.failure_rate():.1%}"
    folder.write(
        "cumulative_error.png",
        plot(
            f"Landmarks of {len(errors):,} faces, those not found included",
            Axis("mean error of a face, in distances of its eyes", 0, _PLOT_TO),
            Axis("share of the faces with at most this error", 0, 1.02),
            [Line(label, limits, errors.cumulative(limits))],
            legend="lower right",
        ),
    )
    seen = [i for i in reversed(worst_last) if photos[errors.photos[i]].was_seen][:MOST]
    requests = [_request(errors, index, truth, photos) for index in seen]
    title = _SHEET.format(len(seen), len(errors))
    folder.write("worst.jpg", sheet(title, requests, photos, pictures))


def _request(
    errors: LandmarkErrors,
    index: int,
    truth: Mapping[str, AnnotatedFaces],
    photos: Mapping[str, FoundPhoto],
) -> Request:
    """What is to be shown of a face."""
    name = errors.photos[index]
    points = truth[name].points[errors.faces[index]]
    low, high = points.min(axis=0), points.max(axis=0)
    side = _SEEN * float((high - low).max())
    around = np.concatenate([(low + high - side) / 2, (low + high + side) / 2])
    faces, detection = photos[name].faces, int(errors.detections[index])
    if detection < 0:
        marks = [Mark(GREEN, points=points), *(Mark(RED, box) for box in faces.boxes)]
        return Request(name, around, "not found", marks)
    marks = [
        Mark(GREEN, points=points),
        Mark(RED, faces.boxes[detection], faces.landmarks[detection]),
    ]
    return Request(name, around, f"error {errors.errors[index]:.3f}", marks)
