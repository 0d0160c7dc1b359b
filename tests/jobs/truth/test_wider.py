"""Ground truth of WIDER FACE: where it is looked for, and rows of JSON."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from jobs.messages.errors import UserError
from jobs.truth.wider import read_wider
from tests.jobs.truth.wider_files import (
    FACES,
    PHOTOS,
    SUBSETS,
    write_mat_files,
    write_text_file,
)

SUBSET_FILE = "wider_easy_val.mat"


@pytest.fixture
def mat_files(tmp_path: Path) -> Path:
    folder = tmp_path / "eval_tools" / "ground_truth"
    write_mat_files(folder)
    return folder


@pytest.mark.parametrize("below", ["", "wider_face_val.mat", "wider_hard_val.mat"])
def test_the_mat_files_are_found_by_folder_and_by_any_of_them(mat_files: Path, below: str) -> None:
    assert list(read_wider(str(mat_files / below))) == PHOTOS


def test_a_folder_in_the_folder_is_looked_into(mat_files: Path) -> None:
    assert set(read_wider(str(mat_files.parent))["0--Parade/a.jpg"].counted) == set(SUBSETS)


def test_complete_mat_files_come_before_the_text_and_a_lone_one(mat_files: Path) -> None:
    split = mat_files.parent / "a_split"
    split.mkdir()
    shutil.copy(mat_files / "wider_face_val.mat", split)
    write_text_file(split)
    assert set(read_wider(str(mat_files.parent))["0--Parade/a.jpg"].counted) == set(SUBSETS)


def test_the_text_is_found_in_a_folder(tmp_path: Path) -> None:
    write_text_file(tmp_path / "wider_face_split")
    truth = read_wider(str(tmp_path))
    assert list(truth) == PHOTOS
    assert set(truth[PHOTOS[0]].counted) == {"all"}


def test_text_and_mat_files_agree(mat_files: Path) -> None:
    write_text_file(mat_files)
    from_text = read_wider(str(mat_files / "wider_face_val_bbx_gt.txt"))
    for photo, annotation in read_wider(str(mat_files)).items():
        np.testing.assert_array_equal(annotation.boxes, from_text[photo].boxes)
        np.testing.assert_array_equal(annotation.invalid, from_text[photo].invalid)


def test_rows_of_json(tmp_path: Path) -> None:
    row = {
        "image": "0--Parade/a.jpg",
        "boxes_xywh": [[1, 2, 3, 4], [5, 6, 7, 8]],
        "attrs_blur_expr_illum_invalid_occl_pose": [[2, 0, 0, 0, 0, 0], [0, 0, 0, 1, 0, 0]],
        "easy": [],
        "medium": [0],
        "hard": [0, 1],
    }
    file = tmp_path / "gt.jsonl"
    file.write_text(json.dumps(row) + "\n\n")
    annotation = read_wider(str(file))["0--Parade/a.jpg"]
    assert annotation.boxes.tolist() == [[1, 2, 4, 6], [5, 6, 12, 14]]
    assert annotation.invalid.tolist() == [False, True]
    counted = {name: indices.tolist() for name, indices in annotation.counted.items()}
    assert counted == {"easy": [], "medium": [0], "hard": [0, 1]}


def test_rows_of_json_without_subsets_count_all_but_the_invalid(tmp_path: Path) -> None:
    boxes = [[1, 2, 3, 4], [5, 6, 7, 8]]
    plain = {"image": "a.jpg", "boxes_xywh": boxes}
    marked = {
        "image": "b.jpg",
        "boxes_xywh": boxes,
        "attrs_blur_expr_illum_invalid_occl_pose": [[0] * 6, [0, 0, 0, 1, 0, 0]],
    }
    empty = {"image": "c.jpg", "boxes_xywh": []}
    file = tmp_path / "gt.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in (plain, marked, empty)))
    truth = read_wider(str(file))
    counted = {photo: annotation.counted["all"].tolist() for photo, annotation in truth.items()}
    assert counted == {"a.jpg": [0, 1], "b.jpg": [0], "c.jpg": []}


def test_the_shared_rows_are_those_of_292_photos(data_dir: Path) -> None:
    truth = read_wider(str(data_dir / "wider" / "gt.jsonl"))
    assert len(truth) == 292
    assert sum(len(annotation.boxes) for annotation in truth.values()) == 3598


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "line 1 of .* is not valid JSON"),
        ("[" * 100_000, "line 1 of .* is not valid JSON"),
        ("[1, 2]", "has no 'image'"),
        ('{"image": 7}', "has no 'image'"),
        ('{"image": "a"}', "is not an annotation"),
        ('{"image": "a", "boxes_xywh": [[1, 2, 3]]}', "is not an annotation"),
        ('{"image": "a", "boxes_xywh": [[1, 2], [3, 4]]}', "is not an annotation"),
        ('{"image": "a", "boxes_xywh": [[1, 2, 3, NaN]]}', "is not an annotation"),
        ('{"image": "a", "boxes_xywh": [[1, 2, 3, 4]], "easy": [1]}', "is not an annotation"),
        ('{"image": "a", "boxes_xywh": [], "easy": "x"}', "is not an annotation"),
        ('{"image": "a", "boxes_xywh": []}\n{"image": "a", "boxes_xywh": []}', "once more"),
        ("\n", "no photos"),
    ],
)
def test_rows_that_are_no_annotations_are_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "gt.jsonl"
    file.write_text(text)
    with pytest.raises(UserError, match=message):
        read_wider(str(file))


@pytest.mark.parametrize("name", ["gone", "gone.mat", "other.csv"])
def test_a_path_to_nothing_of_the_kind_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "other.csv").write_text("a,b\n")
    with pytest.raises(UserError, match="no ground truth"):
        read_wider(str(tmp_path / name))


def test_a_folder_without_any_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no ground truth of WIDER FACE in"):
        read_wider(str(tmp_path))


def test_faces_of_the_files_written_here() -> None:
    # What the other tests rely on: a photo without a face, an invalid face, events of two photos.
    assert [len(FACES[photo]) for photo in PHOTOS] == [3, 0, 1]
