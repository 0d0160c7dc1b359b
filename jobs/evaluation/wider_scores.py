"""What there is to score on WIDER FACE, its figures, and its pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs.evaluation.found_photos import FoundPhoto
from jobs.evaluation.mistakes import alarm_sheet, miss_sheet
from jobs.evaluation.pictures import Pictures
from jobs.evaluation.plots import Axis, Line, plot
from jobs.evaluation.results import Folder
from mtcnn_core.evaluation import large_faces
from mtcnn_core.evaluation.annotations import Annotation, Detections, subsets
from mtcnn_core.evaluation.bootstrap import interval
from mtcnn_core.evaluation.operating_point import operating_point
from mtcnn_core.evaluation.wider_face import Curve, count


@dataclass(frozen=True, eq=False)
class WiderFound:
    """What there is to score, wherever it comes from.

    Attributes:
        truth: Name -> annotation, of the photos that are scored.
        detections: Name -> what was found; a photo without an entry has none.
        photos: Name -> where the photo is, of those that can be shown.
        pictures: Where they are read; None if there are none.
        about: For `metrics.json`: where it comes from, and how it was made.
        exit_code: Exit code of the extraction.
    """

    truth: Mapping[str, Annotation]
    detections: Mapping[str, Detections]
    photos: Mapping[str, FoundPhoto]
    pictures: Pictures | None
    about: Mapping[str, Any]
    exit_code: int = 0


def score(found: WiderFound) -> tuple[dict[str, Any], dict[str, Curve]]:
    """All figures, and the curve of each subset."""
    names = subsets(found.truth)
    scores: dict[str, Any] = {}
    curves = {}
    for subset in names:
        counts = count(found.truth, found.detections, subset)
        between, point = interval(counts), operating_point(counts)
        curves[subset] = counts.curve()
        scores[subset] = {
            "faces": point.faces,
            "average_precision": curves[subset].average_precision,
            "low": between.low,
            "high": between.high,
            "recall": point.recall,
            "precision": point.precision,
        }
    large = {
        "faces": large_faces.faces(found.truth),
        "average_precision": large_faces.average_precision(found.truth, found.detections),
    }
    return {
        "subsets": scores,
        "over_64_px": large,
        "found": sum(len(each) for each in found.detections.values()),
    }, curves


def draw(
    folder: Folder, found: WiderFound, scores: Mapping[str, Any], curves: Mapping[str, Curve]
) -> None:
    """Writes the curves, as numbers and as a picture, and the contact sheets."""
    folder.write_rows(
        "curve.csv",
        ["subset", "threshold", "precision", "recall"],
        (
            (subset, f"{threshold:.6f}", f"{precision:.6f}", f"{recall:.6f}")
            for subset, curve in curves.items()
            for threshold, precision, recall in zip(
                curve.thresholds, curve.precision, curve.recall, strict=True
            )
        ),
    )
    lines = []
    for subset, curve in curves.items():
        figures = scores["subsets"][subset]
        shown = curve.precision > 0
        label = f"{subset}: AP {figures['average_precision']:.3f}"
        at = (figures["recall"], figures["precision"])
        lines.append(
            Line(
                label,
                curve.recall[shown],
                curve.precision[shown],
                at if all(map(math.isfinite, at)) else None,
            )
        )
    title = f"WIDER FACE, {len(found.truth):,} photos; the dots: all detections"
    picture = plot(title, Axis("recall", 0, 1), Axis("precision", 0, 1.02), lines)
    folder.write("precision_recall.png", picture)
    if found.pictures is None:
        return
    seen = {name: found.truth[name] for name in found.photos}
    folder.write("misses.jpg", miss_sheet(seen, found.detections, found.photos, found.pictures))
    folder.write(
        "false_alarms.jpg", alarm_sheet(seen, found.detections, found.photos, found.pictures)
    )
