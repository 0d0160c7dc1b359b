"""Landmarks in JSON files in the form of COCO's keypoints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jobs.messages.errors import UserError
from jobs.truth.annotated import NO_BOX, FaceRow
from jobs.truth.text import parse_json, read_text
from mtcnn_core.evaluation.landmark_schemes import SCHEMES, five_points
from mtcnn_core.evaluation.overlaps import Floats
from mtcnn_core.faces import LANDMARKS


def read_coco(file: Path) -> list[FaceRow]:
    """Reads the annotations that have keypoints.

    They have 68 of them, as in 300-W, or 98, as in WFLW, or their category names those in
    `mtcnn_core.faces.LANDMARKS`, where left is the smaller x on an upright face. Crowds, and
    faces of which one of these points is not labelled (visibility 0), are left out.

    Raises:
        UserError: It is not what it should be.
    """
    content = parse_json(read_text(file), f"'{file}'")
    faces = []
    try:
        photos = {image["id"]: str(image["file_name"]) for image in content["images"]}
        names = {
            category["id"]: category.get("keypoints", ())
            for category in content.get("categories", ())
        }
        for annotation in content["annotations"]:
            if annotation.get("iscrowd") or not annotation.get("keypoints"):
                continue
            keypoints = np.array(annotation["keypoints"], np.float64).reshape(-1, 3)
            points = _five(keypoints, names.get(annotation.get("category_id"), ()), file)
            if not np.isnan(points).any():
                faces.append(FaceRow(photos[annotation["image_id"]], points, _box(annotation)))
    except (AttributeError, KeyError, IndexError, OverflowError, TypeError, ValueError) as error:
        raise UserError(
            f"'{file}' is not in the form of COCO's keypoints ({error!r}): give it images, "
            "annotations and categories"
        ) from None
    return faces


def _five(keypoints: Floats, names: Sequence[str], file: Path) -> Floats:
    # What is not labelled is NaN, and so is what is made of it.
    points = np.where(keypoints[:, 2:] > 0, keypoints[:, :2], np.nan)
    if all(name in names for name in LANDMARKS) and len(names) == len(points):
        return points[[list(names).index(name) for name in LANDMARKS]]
    if len(points) in SCHEMES:
        return five_points(points)
    raise UserError(
        f"faces in '{file}' have {len(points)} keypoints: give 68 as in 300-W, 98 as in WFLW, or "
        f"name them in their category, among them {', '.join(LANDMARKS)}"
    )


def _box(annotation: dict[str, Any]) -> Sequence[float]:
    if "bbox" not in annotation:
        return NO_BOX
    x, y, width, height = map(float, annotation["bbox"])
    return x, y, x + width, y + height
