"""Annotated landmarks of faces, in the forms in which they are published."""

from __future__ import annotations

from pathlib import Path

from jobs.messages.errors import UserError
from jobs.truth.annotated import FaceRow, gather
from jobs.truth.landmarks_coco import read_coco
from jobs.truth.landmarks_csv import read_csv
from jobs.truth.landmarks_imglab import read_imglab
from mtcnn_core.evaluation.landmark_error import AnnotatedFaces

_READERS = {".csv": read_csv, ".xml": read_imglab, ".json": read_coco}
# How such files end.
ENDINGS = tuple(_READERS)


def read_landmarks(path: str) -> dict[str, AnnotatedFaces]:
    """Reads photo, as it is written in the file, -> its faces.

    Args:
        path: A `.csv` (see `read_csv`), an `.xml` of dlib's imglab (`read_imglab`) or a `.json` in
            the form of COCO's keypoints (`read_coco`).

    Raises:
        UserError: The file is not there, of another kind, or not what it should be.
    """
    file = Path(path)
    reader = _READERS.get(file.suffix.lower())
    if reader is None:
        raise UserError(
            f"'{path}' is of no kind of landmarks that can be read: name a .csv, an .xml of imglab "
            "or a .json with COCO keypoints"
        )
    rows: list[FaceRow] = reader(file)
    if not rows:
        raise UserError(
            f"no face in '{path}' has all five points (eyes, nose, mouth corners): annotate some"
        )
    return gather(rows, path)
