"""Ground truth of faces, in any of its forms."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from jobs.messages.errors import UserError
from jobs.truth.faces import read_ground_truth
from jobs.truth.held_out import is_held_out


def _boxes(folder: Path, *rows: dict[str, object]) -> str:
    file = folder / "gt.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(file)


def test_boxes_come_with_what_is_to_be_ignored(tmp_path: Path) -> None:
    attributes = [[0, 0, 0, 0, 0, 0], [0, 0, 0, 1, 0, 0]]
    row = {
        "image": "a/1.jpg",
        "boxes_xywh": [[1, 2, 10, 20], [5, 5, 4, 4]],
        "attrs_blur_expr_illum_invalid_occl_pose": attributes,
    }

    faces = read_ground_truth(_boxes(tmp_path, row)).faces["a/1.jpg"]

    np.testing.assert_array_equal(faces.boxes, [[1, 2, 11, 22], [5, 5, 9, 9]])
    assert faces.ignored.tolist() == [False, True]
    assert np.isnan(faces.landmarks).all()
    assert faces.scores.tolist() == [1, 1]


@pytest.mark.parametrize(
    "names",
    [
        "lex ley rex rey nx ny lmx lmy rmx rmy",
        "left_eye_x left_eye_y right_eye_x right_eye_y nose_x nose_y "
        "mouth_left_x mouth_left_y mouth_right_x mouth_right_y",
    ],
    ids=["short", "long"],
)
def test_landmarks_come_under_short_names_and_long_ones(tmp_path: Path, names: str) -> None:
    file = tmp_path / "points.csv"
    file.write_text(f"image,{names.replace(' ', ',')}\n1.jpg,1,2,3,4,5,6,7,8,9,10\n")

    faces = read_ground_truth(str(file)).faces["1.jpg"]

    np.testing.assert_array_equal(faces.landmarks[0], [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]])
    assert np.isnan(faces.boxes).all()


def test_a_missing_point_is_named(tmp_path: Path) -> None:
    file = tmp_path / "points.csv"
    file.write_text("image,left_eye_x,left_eye_y\n1.jpg,1,2\n")

    with pytest.raises(UserError, match="has no column right_eye_x"):
        read_ground_truth(str(file))


def test_the_digest_is_of_the_faces(tmp_path: Path) -> None:
    one = {"image": "1.jpg", "boxes_xywh": [[1, 2, 10, 20]]}
    other = {"image": "1.jpg", "boxes_xywh": [[1, 2, 10, 21]]}

    first = read_ground_truth(_boxes(tmp_path, one)).digest

    assert read_ground_truth(_boxes(tmp_path, {**one})).digest == first
    assert read_ground_truth(_boxes(tmp_path, other)).digest != first


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no ground truth at"):
        read_ground_truth(str(tmp_path / "none.jsonl"))


def test_two_formats_in_one_file_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "gt.jsonl"
    file.write_text('{"image": "1.jpg", "boxes_xywh": []}\n2.jpg\n1\n1 2 3 4 0 0 0 0 0 0\n')

    with pytest.raises(UserError, match=r"line 2 of .* is not valid JSON"):
        read_ground_truth(str(file))


def test_shares_are_held_out_by_name() -> None:
    names = [f"{number}.jpg" for number in range(2000)]
    held = [name for name in names if is_held_out(name, 0.1)]

    assert 150 < len(held) < 250
    assert set(held) < {name for name in names if is_held_out(name, 0.2)}
    assert set(held) != {name for name in names if is_held_out(name, 0.1, "another purpose")}
