"""One picture now: faces as JSON values and as a drawing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jobs import detect as detect_module
from jobs.detect import detect_photo, found_json, write_drawing
from jobs.extract.config import load_config
from jobs.members import Member
from jobs.messages.errors import UserError
from jobs.photos.decode import Decoded, Failure
from jobs.photos.detect import Found
from jobs.photos.read import Read, read
from jobs.sources.demo import demo_folder
from jobs.sources.source import Source
from mtcnn_core.faces import Faces
from mtcnn_core.images.errors import ImageTooLarge, UndecodableImage
from mtcnn_core.settings.images import ImageLimits


@pytest.fixture(scope="module")
def demo(cache_folder: Path) -> Path:
    pytest.importorskip("skimage")
    return demo_folder()


@pytest.fixture(scope="module")
def astronaut(demo: Path) -> Found:
    return detect_photo(str(demo / "faces" / "astronaut.jpg"), load_config(None))


def test_json_holds_every_face(astronaut: Found) -> None:
    values = json.loads(json.dumps(found_json(astronaut)))
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
    assert found_json(found)["faces"] == []


def test_the_photo_is_upright(demo: Path, astronaut: Found) -> None:
    rotated = detect_photo(str(demo / "faces" / "rotated.jpg"), load_config(None))
    np.testing.assert_allclose(rotated.faces.boxes[0], astronaut.faces.boxes[0], atol=4)


def test_settings_are_used(demo: Path) -> None:
    config = load_config(None, {"detect.min_face": 300.0})
    assert not len(detect_photo(str(demo / "faces" / "astronaut.jpg"), config).faces)


@pytest.mark.parametrize("name", ["drawn.jpg", "drawn.png"])
def test_drawing_is_the_photo_with_faces_on_it(tmp_path: Path, astronaut: Found, name: str) -> None:
    write_drawing(replace(astronaut, faces=astronaut.faces[:1]), tmp_path / name)
    drawn = np.asarray(Image.open(tmp_path / name).convert("RGB")).astype(int)
    assert astronaut.photo.pixels is not None
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
    tmp_path: Path, astronaut: Found, name: str, says: str
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


def test_a_photo_is_looked_at_in_full_size(tmp_path: Path) -> None:
    skimage_data = pytest.importorskip("skimage").data
    astronaut = Image.fromarray(skimage_data.astronaut())
    astronaut.resize((2048, 2048)).save(tmp_path / "a.jpg")
    found = detect_photo(str(tmp_path / "a.jpg"), load_config(None, {"detect.min_face": 300}))
    assert found.photo.pixels is not None
    assert found.photo.pixels.shape == (2048, 2048, 3)
    assert found_json(found)["width"] == 2048
    assert len(found.faces) == 1


def test_a_photo_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(source: Source, members: Sequence[Member], limits: ImageLimits) -> Iterator[Read]:
        (tmp_path / "a.jpg").unlink()
        return read(source, members, limits)

    (tmp_path / "a.jpg").write_bytes(b"there until it is read")
    monkeypatch.setattr(detect_module, "read", gone)
    url = str(tmp_path / "*.jpg")
    with pytest.raises(UserError, match=r"cannot read '.*/\*\.jpg': the file is no longer there"):
        detect_photo(url, load_config(None))


def test_a_photo_without_pixels_cannot_be_drawn(tmp_path: Path) -> None:
    member = Member("a.jpg", "/a.jpg", 1, "", None)
    found = Found(Decoded(member, failure=Failure("crashed", "it did")), Faces.empty())
    with pytest.raises(ValueError, match=r"'a\.jpg' was not decoded"):
        write_drawing(found, tmp_path / "out.jpg")
