"""Landmarks: tables, imglab's XML, COCO's JSON."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.messages.errors import UserError
from jobs.truth.landmarks import read_landmarks
from mtcnn_core.faces import LANDMARKS

HEADER = "image,lex,ley,rex,rey,nx,ny,lmx,lmy,rmx,rmy"
ROW = "images/a.jpg,1,2,3,4,5,6,7,8,9,10"
POINTS = [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "landmarks"


def write(file: Path, suffix: str, text: str) -> str:
    file = file.with_suffix(suffix)
    file.write_text(text, encoding="utf-8")
    return str(file)


def imglab(parts: dict[str, tuple[float, float]], attributes: str = "") -> str:
    inner = "".join(f"<part name='{name}' x='{x}' y='{y}'/>" for name, (x, y) in parts.items())
    box = f"<box top='20' left='10' width='30' height='40'{attributes}>{inner}</box>"
    return f"<dataset><images><image file='a.jpg'>{box}</image></images></dataset>"


def coco(keypoints: list[float], **fields: Any) -> dict[str, Any]:
    annotation = {"id": 1, "image_id": 7, "category_id": 1, "keypoints": keypoints, **fields}
    return {
        "images": [{"id": 7, "file_name": "a.jpg"}],
        "categories": [{"id": 1, "name": "face"}],
        "annotations": [annotation],
    }


def keypoints(count: int, visible: int = 2) -> list[float]:
    """Point i lies at (i, -i)."""
    return [number for i in range(count) for number in (float(i), float(-i), visible)]


def test_table_with_and_without_boxes(file: Path) -> None:
    text = f"{HEADER},x2,x1,y1,y2\n{ROW},30,10,20,40\n{ROW.replace('a.jpg', 'b.jpg')},,,,\n"
    truth = read_landmarks(write(file, ".csv", text))
    assert list(truth) == ["images/a.jpg", "images/b.jpg"]
    assert truth["images/a.jpg"].points.tolist() == [POINTS]
    assert truth["images/a.jpg"].boxes.tolist() == [[10, 20, 30, 40]]
    assert np.isnan(truth["images/b.jpg"].boxes).all()


def test_lines_of_one_photo_are_its_faces(file: Path) -> None:
    truth = read_landmarks(write(file, ".csv", f"{HEADER}\n{ROW}\n{ROW}\n"))
    assert len(truth["images/a.jpg"]) == 2


def test_imglab_with_68_parts(file: Path) -> None:
    parts = {f"{i:02}": (float(i), float(-i)) for i in range(68)}
    truth = read_landmarks(write(file, ".xml", imglab(parts)))
    expected = [[38.5, -38.5], [44.5, -44.5], [30, -30], [48, -48], [54, -54]]
    assert truth["a.jpg"].points.tolist() == [expected]
    assert truth["a.jpg"].boxes.tolist() == [[10, 20, 40, 60]]


def test_imglab_with_named_parts(file: Path) -> None:
    parts = {name: (x, y) for name, (x, y) in zip(LANDMARKS, POINTS, strict=True)}
    truth = read_landmarks(write(file, ".xml", imglab(dict(reversed(parts.items())))))
    assert truth["a.jpg"].points.tolist() == [POINTS]


@pytest.mark.parametrize(("count", "first"), [(68, 38.5), (98, 63.5)])
def test_coco_with_numbered_keypoints(file: Path, count: int, first: float) -> None:
    content = coco(keypoints(count), bbox=[10, 20, 30, 40])
    truth = read_landmarks(write(file, ".json", json.dumps(content)))
    assert truth["a.jpg"].points[0, 0].tolist() == [first, -first]
    assert truth["a.jpg"].boxes.tolist() == [[10, 20, 40, 60]]


def test_coco_with_named_keypoints(file: Path) -> None:
    content = coco(keypoints(6))
    content["categories"][0]["keypoints"] = ["chin", *reversed(LANDMARKS)]
    truth = read_landmarks(write(file, ".json", json.dumps(content)))
    assert truth["a.jpg"].points[0, :, 0].tolist() == [5, 4, 3, 2, 1]
    assert np.isnan(truth["a.jpg"].boxes).all()


@pytest.mark.parametrize("reason", [{"iscrowd": 1}, {"keypoints": keypoints(68, visible=0)}])
def test_faces_of_coco_that_cannot_be_judged_are_left_out(
    file: Path, reason: dict[str, Any]
) -> None:
    content = coco(keypoints(68))
    content["annotations"].append(content["annotations"][0] | reason)
    truth = read_landmarks(write(file, ".json", json.dumps(content)))
    assert len(truth["a.jpg"]) == 1


@pytest.mark.parametrize("attributes", [" ignore='1'", ""])
def test_boxes_of_imglab_without_parts_or_ignored_are_left_out(file: Path, attributes: str) -> None:
    parts = {f"{i:02}": (float(i), 0.0) for i in range(68)} if attributes else {}
    with pytest.raises(UserError, match=r"no face in .* has all five points"):
        read_landmarks(write(file, ".xml", imglab(parts, attributes)))


@pytest.mark.parametrize(
    ("path", "photos", "faces"),
    [
        ("lfw/landmarks5_150px.csv", 400, 400),
        ("landmarks/dlib/examples/faces/testing_with_face_landmarks.xml", 5, 25),
        ("landmarks/mmpose/tests/data/300w/test_300w.json", 2, 2),
        ("landmarks/mmpose/tests/data/wflw/test_wflw.json", 2, 4),
    ],
)
def test_published_files(data_dir: Path, path: str, photos: int, faces: int) -> None:
    truth = read_landmarks(str(data_dir / path))
    assert (len(truth), sum(map(len, truth.values()))) == (photos, faces)


@pytest.mark.parametrize(
    ("suffix", "text", "message"),
    [
        (".csv", "", "no column image"),
        (".csv", HEADER.replace(",rmy", "") + "\n", "no column rmy"),
        (".csv", f"{HEADER}\n{ROW},11\n", "line 2 of .* 12 values for 11 columns"),
        (".csv", f"{HEADER}\n{ROW[:-2]}x\n", "'1 2 .* x' in the line of .* should be numbers"),
        (".csv", f"{HEADER}\n{ROW[:-2]}nan\n", "not a finite number"),
        (".csv", f"{HEADER}\na.jpg,1,2,1,2,5,6,7,8,9,10\n", "eyes of a face are in one place"),
        (".csv", f"{HEADER}\n", "no face in .* has all five points"),
        (".csv", f'{HEADER}\n"{"a" * 200_000}",1\n', "is no CSV"),
        (".xml", "<dataset><images>", "not valid XML"),
        (".xml", "<!DOCTYPE d [<!ENTITY a 'b'>]><d>&a;</d>", "DOCTYPE"),
        (".xml", "<d><image><box/></image></d>", "has no 'file'"),
        (".xml", imglab({"00": (1, 2)}), "has 1 parts"),
        (".xml", imglab({str(i): (i, i) for i in range(5)}), "has 5 parts"),
        (".xml", imglab({str(i): (i, i) for i in range(1, 69)}), "has 68 parts"),
        (".xml", imglab({"00": (1, 2)}).replace("x='1'", "x=''"), "a <part> .* should be numbers"),
        (".json", "{", "not valid JSON"),
        (".json", "[" * 100_000, "not valid JSON"),
        (".json", "[]", "COCO"),
        (".json", "{}", "COCO"),
        (".json", json.dumps(coco(keypoints(68), image_id=8)), "COCO"),
        (".json", json.dumps(coco(keypoints(68), bbox=[1, 2, 3])), "COCO"),
        (".json", json.dumps(coco(keypoints(68)[:-1])), "COCO"),
        (".json", json.dumps(coco(keypoints(29))), "29 keypoints"),
        (".pts", "version: 1", "no kind of landmarks"),
    ],
)
def test_what_is_not_as_it_should_be_is_refused(
    file: Path, suffix: str, text: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        read_landmarks(write(file, suffix, text))


def test_entities_are_refused_in_any_encoding(file: Path) -> None:
    path = file.with_suffix(".xml")
    path.write_bytes("<!DOCTYPE d [<!ENTITY a 'b'>]><d>&a;</d>".encode("utf-16"))
    with pytest.raises(UserError, match="DOCTYPE"):
        read_landmarks(str(path))


@pytest.mark.parametrize("suffix", [".csv", ".xml", ".json"])
def test_a_file_that_is_not_there_is_refused(file: Path, suffix: str) -> None:
    with pytest.raises(UserError, match="there is no file"):
        read_landmarks(str(file.with_suffix(suffix)))
