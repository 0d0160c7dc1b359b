"""A small ground truth of WIDER FACE, written as the benchmark publishes it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import savemat

PHOTOS = ["0--Parade/a.jpg", "0--Parade/b.jpg", "12--Group/c.jpg"]
# x, y, width, height, invalid
FACES = {
    "0--Parade/a.jpg": [(10, 20, 30, 40, 0), (50, 60, 7, 8, 1), (90, 10, 11, 12, 0)],
    "0--Parade/b.jpg": [],
    "12--Group/c.jpg": [(1, 2, 300, 400, 0)],
}
# 0-based indices
SUBSETS = {
    "easy": {"0--Parade/a.jpg": [0], "0--Parade/b.jpg": [], "12--Group/c.jpg": []},
    "medium": {"0--Parade/a.jpg": [0, 2], "0--Parade/b.jpg": [], "12--Group/c.jpg": []},
    "hard": {"0--Parade/a.jpg": [0, 2], "0--Parade/b.jpg": [], "12--Group/c.jpg": [0]},
}
_EVENTS = ["0--Parade", "12--Group"]


def cells(values: Sequence[Any]) -> NDArray[np.object_]:
    """A column of cells, ``(n, 1)``."""
    column = np.empty((len(values), 1), object)
    for row, value in enumerate(values):
        column[row, 0] = value
    return column


def by_event(values: dict[str, Any]) -> NDArray[np.object_]:
    """A column of events, each a cell with a column of photos."""
    return cells(
        [cells([values[photo] for photo in PHOTOS if photo.startswith(e)]) for e in _EVENTS]
    )


def main_content() -> dict[str, Any]:
    """What `wider_face_val.mat` holds."""
    faces = {photo: np.array(rows, float).reshape(-1, 5) for photo, rows in FACES.items()}
    return {
        "event_list": cells(_EVENTS),
        "file_list": by_event({photo: Path(photo).stem for photo in PHOTOS}),
        "face_bbx_list": by_event({photo: rows[:, :4] for photo, rows in faces.items()}),
        "invalid_label_list": by_event({photo: rows[:, 4:] for photo, rows in faces.items()}),
    }


def subset_content(subset: str) -> dict[str, Any]:
    """What a file such as `wider_easy_val.mat` holds."""
    # MATLAB keeps small whole numbers in bytes, and nothing as 0 x 0.
    indices = {
        photo: np.array(faces, np.uint8).reshape(-1, 1) + 1 if faces else np.empty((0, 0))
        for photo, faces in SUBSETS[subset].items()
    }
    content = main_content()
    return {
        "event_list": content["event_list"],
        "file_list": content["file_list"],
        "gt_list": by_event(indices),
    }


def write_mat_files(folder: Path) -> None:
    """The four files of the evaluation tools."""
    folder.mkdir(parents=True, exist_ok=True)
    savemat(folder / "wider_face_val.mat", main_content(), do_compression=True)
    for subset in SUBSETS:
        savemat(folder / f"wider_{subset}_val.mat", subset_content(subset))


def write_text_file(folder: Path) -> None:
    """The text of the face annotations."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for photo, rows in FACES.items():
        lines += [photo, str(len(rows))]
        lines += [f"{x} {y} {w} {h} 2 0 1 {invalid} 0 0 " for x, y, w, h, invalid in rows]
        lines += [] if rows else ["0 0 0 0 0 0 0 0 0 0 "]
    (folder / "wider_face_val_bbx_gt.txt").write_text("\n".join(lines) + "\n")
