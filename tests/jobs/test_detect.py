"""One picture now: faces as JSON values and as a drawing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jobs.detect import PhotoFaces, detect_photo, write_drawing
from jobs.extract.config import load_config
from jobs.messages.errors import UserError
from jobs.sources.demo import demo_folder
from mtcnn_core.images.errors import ImageTooLarge, UndecodableImage


@pytest.fixture(scope="module")
def demo(cache_folder: Path) -> Path:
    pytest.importorskip("skimage")
    return demo_folder()


@pytest.fixture(scope="module")
def astronaut(demo: Path) -> PhotoFaces:
    return detect_photo(str(demo / "faces" / "astronaut.jpg"), load_config(None))


def test_json_holds_every_face(astronaut: PhotoFaces) -> None:
    values = json.loads(json.dumps(astronaut.as_json()))
    assert (values["width"], values["height"]) == (512, 512)
    assert values["photo"].endswith("faces/astronaut.jpg")
    assert len(values["faces"]) == len(astronaut.faces)
    face = values["faces"][0]
    np.testing.assert_allclose(face["box"], astronaut.faces.boxes[0], atol=0.006)
    assert face["score"] == pytest.approx(float(astronaut.faces.scores[0]), abs=1e-4)
    assert list(face["landmarks"]) == ["left_eye", "right_eye", "nose", "mouth_left", "mouth_right"]
    np.testing.assert_allclose(
        list(face["landmarks"].values()), astronaut.faces.landmarks[0], atol=0.006
    )


def test_json_of_a_photo_without_a_face(demo: Path) -> None:
    found = detect_photo(str(demo / "scenes" / "coffee.jpg"), load_config(None))
    assert found.as_json()["faces"] == []


def test_the_photo_is_upright(demo: Path, astronaut: PhotoFaces) -> None:
    rotated = detect_photo(str(demo / "faces" / "rotated.jpg"), load_config(None))
    np.testing.assert_allclose(rotated.faces.boxes[0], astronaut.faces.boxes[0], atol=4)


def test_settings_are_used(demo: Path) -> None:
    config = load_config(None, {"detect.min_face": 300.0})
    assert not len(detect_photo(str(demo / "faces" / "astronaut.jpg"), config).faces)


@pytest.mark.parametrize("name", ["drawn.jpg", "drawn.png"])
def test_drawing_is_the_photo_with_faces_on_it(
    tmp_path: Path, astronaut: PhotoFaces, name: str
) -> None:
    write_drawing(replace(astronaut, faces=astronaut.faces[:1]), tmp_path / name)
    drawn = np.asarray(Image.open(tmp_path / name).convert("RGB")).astype(int)
    changed = np.abs(drawn - astronaut.photo.pixels).sum(axis=2) > 150
    x1, y1, x2, y2 = astronaut.faces.boxes[0].astype(int)
    assert changed[y1 - 40 : y2 + 5, x1 - 5 : x2 + 20].sum() > 200
    changed[y1 - 40 : y2 + 5, x1 - 5 : x2 + 20] = False
    assert changed.sum() < 20


@pytest.mark.parametrize(
    ("name", "says"),
    [("drawn.nonsense", "end its name in .jpg"), ("no/folder.jpg", "no such file")],
)
def test_drawing_that_cannot_be_written(
    tmp_path: Path, astronaut: PhotoFaces, name: str, says: str
) -> None:
    with pytest.raises(UserError, match=says):
        write_drawing(astronaut, tmp_path / name)


def test_more_than_one_photo_is_refused(demo: Path) -> None:
    with pytest.raises(UserError, match="more than one file"):
        detect_photo(str(demo), load_config(None))


def test_a_photo_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no file or folder"):
        detect_photo(str(tmp_path / "nothing.jpg"), load_config(None))


def test_a_broken_photo(demo: Path) -> None:
    with pytest.raises(UndecodableImage):
        detect_photo(str(demo / "broken" / "truncated.jpg"), load_config(None))


def test_limits_hold(demo: Path) -> None:
    config = load_config(None, sets=["limits.max_pixels=1000"])
    with pytest.raises(ImageTooLarge):
        detect_photo(str(demo / "faces" / "astronaut.jpg"), config)
