"""The .mat files of WIDER FACE's evaluation tools."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from jobs.messages.errors import UserError
from jobs.truth.wider_mat import read_mat
from tests.jobs.truth.wider_files import (
    FACES,
    PHOTOS,
    SUBSETS,
    cells,
    main_content,
    subset_content,
    write_mat_files,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_mat_files(tmp_path)
    return tmp_path


def test_the_files_here_are_nested_as_the_usual_readers_expect(folder: Path) -> None:
    main, easy = loadmat(folder / "wider_face_val.mat"), loadmat(folder / "wider_easy_val.mat")
    assert str(main["event_list"][0][0][0]) == "0--Parade"
    assert str(main["file_list"][0][0][1][0][0]) == "b"
    assert main["face_bbx_list"][0][0][0][0].tolist() == [
        list(face[:4]) for face in FACES[PHOTOS[0]]
    ]
    assert easy["gt_list"][0][0][0][0].tolist() == [[1]]
    assert len(easy["gt_list"][0][0][1][0]) == 0


def test_boxes_subsets_and_invalid_faces(folder: Path) -> None:
    truth = read_mat(folder)
    assert list(truth) == PHOTOS
    first = truth["0--Parade/a.jpg"]
    assert first.boxes.tolist() == [[10, 20, 40, 60], [50, 60, 57, 68], [90, 10, 101, 22]]
    assert first.invalid.tolist() == [False, True, False]
    assert truth["0--Parade/b.jpg"].boxes.shape == (0, 4)
    for photo, annotation in truth.items():
        counted = {subset: indices.tolist() for subset, indices in annotation.counted.items()}
        assert counted == {subset: faces[photo] for subset, faces in SUBSETS.items()}


def test_missing_files_are_named(folder: Path) -> None:
    (folder / "wider_medium_val.mat").unlink()
    with pytest.raises(UserError, match=r"^wider_medium_val\.mat should be in"):
        read_mat(folder)


@pytest.mark.parametrize("content", [b"", b"no MATLAB file"])
def test_a_file_that_is_none_is_refused(folder: Path, content: bytes) -> None:
    (folder / "wider_face_val.mat").write_bytes(content)
    with pytest.raises(UserError, match="not a MATLAB file that can be read"):
        read_mat(folder)


def test_a_file_of_zeros_is_refused(folder: Path) -> None:
    (folder / "wider_face_val.mat").write_bytes(bytes(200))
    # SciPy 1.13 reads an empty file from it, newer ones none.
    with pytest.raises(UserError, match=r"not a MATLAB file that can be read|have the lists"):
        read_mat(folder)


def test_a_file_that_is_cut_off_is_refused(folder: Path) -> None:
    file = folder / "wider_hard_val.mat"
    file.write_bytes(file.read_bytes()[:-300])
    with pytest.raises(UserError, match="not a MATLAB file that can be read"):
        read_mat(folder)


def test_subsets_of_other_photos_are_refused(folder: Path) -> None:
    content = subset_content("hard")
    content["event_list"] = cells(["0--Parade", "13--Interview"])
    savemat(folder / "wider_hard_val.mat", content)
    with pytest.raises(UserError, match=r"hard faces .* lists other photos"):
        read_mat(folder)


def _without_boxes() -> dict[str, Any]:
    return {name: value for name, value in main_content().items() if name != "face_bbx_list"}


def _with_three_numbers_a_box() -> dict[str, Any]:
    content = main_content()
    content["face_bbx_list"][1, 0] = cells([np.ones((1, 3))])
    return content


def _with_fewer_lists() -> dict[str, Any]:
    return main_content() | {"face_bbx_list": main_content()["face_bbx_list"][:1]}


def _with_more_lists() -> dict[str, Any]:
    boxes = main_content()["face_bbx_list"]
    return main_content() | {"face_bbx_list": np.concatenate([boxes, boxes])}


def _with_numbers_for_lists() -> dict[str, Any]:
    return main_content() | {"face_bbx_list": np.ones((3, 1))}


def _without_names() -> dict[str, Any]:
    return {"mask": np.ones((3, 3))}


@pytest.mark.parametrize(
    "make",
    [
        _without_boxes,
        _with_three_numbers_a_box,
        _with_fewer_lists,
        _with_more_lists,
        _with_numbers_for_lists,
        _without_names,
    ],
)
def test_lists_that_are_not_as_they_should_be_are_refused(folder: Path, make: Any) -> None:
    savemat(folder / "wider_face_val.mat", make())
    with pytest.raises(UserError, match="do not have the lists that they should"):
        read_mat(folder)


@pytest.mark.parametrize("index", [0, 4])
def test_indices_of_no_face_are_refused(folder: Path, index: int) -> None:
    content = subset_content("easy")
    content["gt_list"][0, 0][0, 0] = np.array([[index]], np.uint8)
    savemat(folder / "wider_easy_val.mat", content)
    with pytest.raises(UserError, match="do not have the lists that they should"):
        read_mat(folder)


def test_without_scipy_it_is_said_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(UserError, match=r"pip install 'mtcnn-ray\[evaluate\]'"):
        read_mat(folder)
