"""The files of an SSD model: where they are looked for, and what they are known by."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtcnn_core.settings.models import by_place, name_of
from mtcnn_core.ssd import files
from mtcnn_core.ssd.files import find_model, read_model
from mtcnn_core.weights.errors import ModelError
from mtcnn_core.weights.folder import ENVIRONMENT_VARIABLE


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The models folder; not there yet."""
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "models"))
    return tmp_path / "models"


def _write(xml: Path, graph: bytes = b"graph", weights: bytes = b"weights") -> Path:
    xml.parent.mkdir(parents=True, exist_ok=True)
    xml.write_bytes(graph)
    if xml.suffix == ".xml":
        xml.with_suffix(".bin").write_bytes(weights)
    return xml


@pytest.mark.parametrize("name", ["mtcnn", "face-detection-0204", "v1.2"])
def test_a_name_means_the_same_everywhere(name: str) -> None:
    assert by_place(name) == name


@pytest.mark.parametrize("path", ["faces.xml", "./faces", "folder/faces.onnx"])
def test_a_path_is_made_to_mean_the_same_everywhere(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert by_place(path) == str(tmp_path / path)


def test_the_home_folder_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert by_place("~/faces.xml") == str(tmp_path / "faces.xml")


@pytest.mark.parametrize(
    ("detector", "name"),
    [("mtcnn", "mtcnn"), ("v1.2", "v1.2"), ("/a/v1.2.xml", "v1.2"), ("/a/faces", "faces")],
)
def test_the_name_of_a_path(detector: str, name: str) -> None:
    assert name_of(detector) == name


@pytest.mark.parametrize(
    ("file", "given"),
    [
        ("a/faces.xml", "a/faces.xml"),
        ("a/faces.onnx", "a/faces.onnx"),
        ("a/faces.xml", "a/faces"),
        ("a/faces.v2.onnx", "a/faces.v2"),
        ("a/faces/faces.xml", "a/faces"),
    ],
)
def test_found_by_path(tmp_path: Path, file: str, given: str) -> None:
    expected = _write(tmp_path / file)
    assert find_model(str(tmp_path / given)) == expected


@pytest.mark.parametrize("file", ["faces/faces.xml", "faces.xml", "faces/faces.onnx", "faces.onnx"])
def test_found_by_name_in_the_models_folder(folder: Path, file: str) -> None:
    expected = _write(folder / file)
    assert find_model("faces") == expected


def test_a_name_is_not_looked_for_where_one_happens_to_be(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path / "faces.xml")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError):
        find_model("faces")


def test_an_unknown_name_is_told_where_to_get_it_and_where_to_put_it(folder: Path) -> None:
    with pytest.raises(ModelError) as error:
        find_model("face-detection-0204")
    sentence = str(error.value)
    assert sentence.startswith("there is no detector 'face-detection-0204': ")
    assert "open_model_zoo" in sentence
    assert f"{folder}/face-detection-0204/" in sentence


@pytest.mark.parametrize("name", ["none.xml", "none", "x" * 300 + ".xml", "a\0.xml"])
def test_an_unknown_path_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError, match=r"no model at '(.|\s)*': give the path of an \.xml"):
        read_model(str(tmp_path / name))


def test_weights_that_are_missing_are_named(tmp_path: Path) -> None:
    _write(tmp_path / "faces.xml").with_suffix(".bin").unlink()
    with pytest.raises(ModelError, match=r"are missing: put faces\.bin beside it"):
        read_model(str(tmp_path / "faces.xml"))


def test_what_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_LARGEST", 6)
    with pytest.raises(ModelError, match=r"faces\.bin' is too large for a detector"):
        read_model(str(_write(tmp_path / "faces.xml")))


def test_a_model_is_known_by_what_is_in_it_wherever_it_lies(tmp_path: Path) -> None:
    here, there = (_write(tmp_path / folder / "faces.xml") for folder in "ab")
    assert read_model(str(here)).digest == read_model(str(there)).digest


@pytest.mark.parametrize("parts", [(b"graph", b"w"), (b"g", b"weights"), (b"graphw", b"eights")])
def test_either_file_counts(tmp_path: Path, parts: tuple[bytes, bytes]) -> None:
    one, other = _write(tmp_path / "one.xml"), _write(tmp_path / "other.xml", *parts)
    assert read_model(str(one)).digest != read_model(str(other)).digest
