"""The four `.mat` files that the evaluation tools of WIDER FACE come with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.messages.errors import UserError
from mtcnn_core.evaluation.overlaps import corners
from mtcnn_core.evaluation.wider_face import SUBSETS, Annotation

MAIN = "wider_face_val.mat"
SUBSET_FILES = tuple(f"wider_{subset}_val.mat" for subset in SUBSETS)


def read_mat(folder: Path) -> dict[str, Annotation]:
    """Reads photo -> annotation, with the subsets `easy`, `medium` and `hard`.

    Args:
        folder: Where the four files are.

    Raises:
        UserError: One of them is missing or not what it should be, or SciPy is not installed.
    """
    missing = [name for name in (MAIN, *SUBSET_FILES) if not (folder / name).is_file()]
    if missing:
        raise UserError(
            f"{', '.join(missing)} should be in '{folder}': put the four files of the evaluation "
            "tools there, or name wider_face_val_bbx_gt.txt to score all faces alike"
        )
    main = _load(folder / MAIN)
    subsets = {
        subset: _load(folder / name) for subset, name in zip(SUBSETS, SUBSET_FILES, strict=True)
    }
    try:
        photos = _photos(main)
        for subset, content in subsets.items():
            if _photos(content) != photos:
                raise UserError(
                    f"the file of {subset} faces in '{folder}' lists other photos than {MAIN}: "
                    "take the four files from one place"
                )
        n = len(photos)
        boxes, invalid = _cells(main, "face_bbx_list", n), _cells(main, "invalid_label_list", n)
        counted = {subset: _cells(content, "gt_list", n) for subset, content in subsets.items()}
        return {
            photo: Annotation(
                corners(np.asarray(boxes[i], np.float64).reshape(-1, 4)),
                # Indices count from 1.
                {
                    subset: cells[i].reshape(-1).astype(np.int64) - 1
                    for subset, cells in counted.items()
                },
                invalid[i].reshape(-1) != 0,
            )
            for i, photo in enumerate(photos)
        }
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise UserError(
            f"the .mat files in '{folder}' do not have the lists that they should: take those of "
            "WIDER FACE's evaluation tools"
        ) from None


def _load(file: Path) -> dict[str, Any]:
    try:
        from scipy.io import loadmat
    except ImportError:
        raise UserError(
            "cannot read .mat files without SciPy: run pip install 'mtcnn-ray[evaluate]'"
        ) from None
    try:
        content: dict[str, Any] = loadmat(file)
    except Exception as error:  # of a damaged file, SciPy raises whatever comes first
        raise UserError(
            f"'{file}' is not a MATLAB file that can be read ({error}): fetch it again"
        ) from None
    return content


def _photos(content: dict[str, Any]) -> list[str]:
    """The keys of all photos: events are a column of cells, each with a column of photos."""
    events = [_text(cell) for cell in content["event_list"][:, 0]]
    files = content["file_list"][:, 0]
    if len(events) != len(files):
        raise ValueError("events and lists of files differ in number")
    return [
        f"{event}/{_text(cell)}.jpg"
        for event, stems in zip(events, files, strict=True)
        for cell in stems.reshape(-1)
    ]


def _cells(content: dict[str, Any], name: str, photos: int) -> list[NDArray[Any]]:
    """What a list holds of each photo, in the order of `_photos`."""
    cells = [cell for event in content[name][:, 0] for cell in event.reshape(-1)]
    if len(cells) != photos:
        raise ValueError(f"{name} is not as long as the list of photos")
    return cells


def _text(cell: NDArray[np.str_]) -> str:
    """The text in a cell, which SciPy wraps in an array."""
    return str(cell.reshape(-1)[0])
