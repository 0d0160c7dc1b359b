"""Detections in the format that WIDER FACE takes: a folder an event, a text file a photo."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from jobs.evaluation.results import Folder
from jobs.messages.errors import UserError
from mtcnn_core.evaluation.wider_face import Detections

FOLDER = "detections"


def write_detections(folder: Folder, found: Mapping[str, Detections]) -> None:
    """Writes what was found, one file a photo.

    Args:
        folder: Folder of the evaluation; they go to a folder in it.
        found: Name of the photo -> detections.

    Raises:
        UserError: A name reaches out of the folder, or storage does not take a file.
    """
    for name, detections in found.items():
        stem = posixpath.splitext(name)[0]
        if ".." in stem.split("/") or stem.startswith("/"):
            raise UserError(f"the photo '{name}' of the ground truth is not below a folder: fix it")
        lines = [posixpath.basename(stem), str(len(detections))]
        for box, score in zip(detections.boxes, detections.scores, strict=True):
            x, y, width, height = box[0], box[1], box[2] - box[0], box[3] - box[1]
            lines.append(f"{x:.3f} {y:.3f} {width:.3f} {height:.3f} {score:.8g}")
        folder.write(f"{FOLDER}/{stem}.txt", ("\n".join(lines) + "\n").encode())
