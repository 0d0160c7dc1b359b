"""The annotations of WIDER FACE, in any of the forms they come in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from jobs.messages.errors import UserError
from jobs.truth.text import parse_json, read_text
from jobs.truth.wider_mat import MAIN, SUBSET_FILES, read_mat
from jobs.truth.wider_text import read_wider_text
from mtcnn_core.evaluation.overlaps import corners
from mtcnn_core.evaluation.wider_face import SUBSETS, Annotation

_TEXT = "wider_face_val_bbx_gt.txt"
_ATTRIBUTES = "attrs_blur_expr_illum_invalid_occl_pose"
_INVALID = 3  # which of those attributes
_WANTED = "name the folder of wider_face_val.mat, a _bbx_gt.txt or a .jsonl"


def read_wider(path: str) -> dict[str, Annotation]:
    """Reads the ground truth of WIDER FACE.

    Args:
        path: A folder with the four `.mat` files of the benchmark's evaluation tools, or with
            `wider_face_val_bbx_gt.txt`, or with one folder in it that has them; or one of these
            files; or a `.jsonl` whose rows have `image` and `boxes_xywh`, and may have `easy`,
            `medium` and `hard` (0-based indices of the faces that count).

    Returns:
        Photo, as `event/stem.jpg`, -> its annotation. The subsets are `easy`, `medium` and `hard`
        where the files say what belongs to them, otherwise `all`: every face but the invalid ones.

    Raises:
        UserError: There is nothing of the kind, or it is not what it should be.
    """
    place = Path(path)
    if place.is_dir():
        place = _find(place)
    if not place.is_file():
        raise UserError(f"there is no ground truth at '{path}': {_WANTED}")
    kind = place.suffix.lower()
    if kind == ".mat":
        truth = read_mat(place.parent)
    elif kind == ".txt":
        truth = read_wider_text(place)
    elif kind in (".jsonl", ".ndjson"):
        truth = _read_rows(place)
    else:
        raise UserError(f"'{path}' is no ground truth of WIDER FACE: {_WANTED}")
    if not truth:
        raise UserError(f"there are no photos in '{place}': {_WANTED}")
    return truth


def _find(folder: Path) -> Path:
    folders = [folder, *sorted(inner for inner in folder.iterdir() if inner.is_dir())]
    complete = [f for f in folders if all((f / name).is_file() for name in (MAIN, *SUBSET_FILES))]
    # Face annotations and evaluation tools are published apart, both with a wider_face_val.mat.
    for candidates, name in ((complete, MAIN), (folders, MAIN), (folders, _TEXT)):
        for candidate in candidates:
            if (candidate / name).is_file():
                return candidate / name
    raise UserError(f"there is no ground truth of WIDER FACE in '{folder}': {_WANTED}")


def _read_rows(file: Path) -> dict[str, Annotation]:
    truth: dict[str, Annotation] = {}
    for number, line in enumerate(read_text(file).splitlines(), start=1):
        if not line.strip():
            continue
        where = f"line {number} of '{file}'"
        row = parse_json(line, where)
        if not isinstance(row, Mapping) or not isinstance(row.get("image"), str):
            raise UserError(f"{where} has no 'image': give the photo as event/stem.jpg")
        if row["image"] in truth:
            raise UserError(f"{where} names '{row['image']}' once more: keep one of its lines")
        try:
            truth[row["image"]] = _annotation(row)
        except (KeyError, IndexError, TypeError, ValueError, OverflowError):
            raise UserError(
                f"{where} is not an annotation: give boxes_xywh as lists of four numbers, and "
                f"{', '.join(SUBSETS)} as lists of indices of boxes"
            ) from None
    return truth


def _annotation(row: Mapping[str, Sequence[Sequence[float]]]) -> Annotation:
    boxes = np.array(row["boxes_xywh"], np.float64).reshape(-1, 4)
    if len(boxes) != len(row["boxes_xywh"]):
        raise ValueError("a box has other than four numbers")
    attributes = row.get(_ATTRIBUTES, ())
    invalid = np.array([face[_INVALID] for face in attributes], np.bool_)
    counted = {name: np.array(row[name], np.intp) for name in SUBSETS if name in row}
    if not counted:
        valid = ~invalid if len(invalid) else np.ones(len(boxes), np.bool_)
        counted = {"all": np.flatnonzero(valid)}
    return Annotation(corners(boxes), counted, invalid)
