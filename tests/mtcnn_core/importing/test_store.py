"""Imported weights are kept, found again by name, and refused when they are damaged."""

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mtcnn_core.cascade.detector import FaceDetector
from mtcnn_core.importing.recognise import Recognised, proven
from mtcnn_core.importing.store import model, models, save
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.weights import WeightsError
from mtcnn_core.weights.arrays import Weights
from mtcnn_core.weights.folder import models_dir
from mtcnn_core.weights.load import load_weights
from mtcnn_core.weights.original import load_default
from tests.mtcnn_core.importing.layouts import perturbed
from tests.mtcnn_core.importing.writers import write_caffe


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MTCNN_RAY_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Recognised:
    source = tmp_path_factory.mktemp("source")
    write_caffe(source)
    return proven([source])


@pytest.fixture
def other(found: Recognised) -> Recognised:
    return replace(found, weights=perturbed(np.random.default_rng(1), 0.01))


def test_what_is_kept_is_found(folder: Path, other: Recognised) -> None:
    kept = save("mine", other)
    assert load_weights("mine").digests == other.weights.digests != load_default().digests
    assert models() == [kept] == [model("mine")]
    assert [Path(file).name for file in kept.sources] == [f"det{n}.caffemodel" for n in (1, 2, 3)]
    assert kept.layouts["onet"].startswith("kernels oiwh, dense cwh, RGB")
    assert kept.check == str(other.outcome)
    assert sorted(file.name for file in (folder / "mine").iterdir()) == [
        "model.json",
        "weights.npz",
    ]
    assert [file.name for file in folder.iterdir()] == ["mine"]


def test_weights_are_found_by_their_place(folder: Path, other: Recognised) -> None:
    save("mine", other)
    for place in (folder / "mine", folder / "mine" / "weights.npz"):
        assert load_weights(str(place)).digests == other.weights.digests
    assert model(str(folder / "mine")).name == "mine"


def test_the_original_ones_need_no_folder(folder: Path) -> None:
    assert load_weights("original") is load_default()
    assert model("original").digests == load_default().digests
    assert models() == []


def test_a_name_is_given_once(folder: Path, found: Recognised, other: Recognised) -> None:
    save("mine", found)
    with pytest.raises(WeightsError, match="there is a model 'mine' already: give another --name"):
        save("mine", other)
    assert load_weights("mine").digests == found.weights.digests
    save("mine", other, replace=True)
    assert load_weights("mine").digests == other.weights.digests


@pytest.mark.parametrize("name", ["", "original", "../up", "a/b", ".hidden", "a b", "-x", "x" * 65])
def test_a_name_that_is_refused(name: str, folder: Path, found: Recognised) -> None:
    with pytest.raises(WeightsError, match=f"a model cannot be called '{re.escape(name)}'"):
        save(name, found)
    assert not folder.exists()


def test_a_folder_that_cannot_be_written(folder: Path, found: Recognised) -> None:
    folder.write_text("not a folder")
    with pytest.raises(WeightsError, match=r"cannot write the model folder .*: "):
        save("mine", found)


def test_a_failed_import_leaves_nothing(
    folder: Path, found: Recognised, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(WeightsError, match="no space left on device"):
        save("mine", found)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nothing", "there are no weights 'nothing': `mtcnn-ray models list` shows"),
        ("./nothing", "is no imported model: import the files"),
        ("nothing.npz", "is no imported model: import the files"),
        ("/", "is no imported model"),
    ],
)
def test_weights_that_are_not_there(name: str, says: str, folder: Path) -> None:
    with pytest.raises(WeightsError, match=says):
        load_weights(name)


def test_a_foreign_file_has_to_be_imported(folder: Path, tmp_path: Path) -> None:
    write_caffe(tmp_path)
    with pytest.raises(WeightsError, match="is no imported model: import the files with"):
        load_weights(str(tmp_path / "det1.caffemodel"))


def test_damaged_arrays_are_refused(folder: Path, found: Recognised) -> None:
    save("mine", found)
    file = folder / "mine" / "weights.npz"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1  # the archive has checksums
    file.write_bytes(data)
    with pytest.raises(WeightsError, match=r"weights\.npz' is damaged"):
        load_weights("mine")


def test_arrays_of_something_else_are_refused(folder: Path, found: Recognised) -> None:
    save("mine", found)
    np.savez(folder / "mine" / "weights.npz", a=np.ones(3, np.float32))
    with pytest.raises(WeightsError, match=r"is damaged \(the arrays do not .*: import the model"):
        load_weights("mine")


def test_exchanged_arrays_are_refused(folder: Path, found: Recognised, other: Recognised) -> None:
    save("mine", found)
    save("other", other)
    os.replace(folder / "other" / "weights.npz", folder / "mine" / "weights.npz")
    with pytest.raises(WeightsError, match="the model 'mine' is damaged: import it again"):
        model("mine")


@pytest.mark.parametrize("record", ["", "[]", '{"name": 1', '{"what": 2}', "\xff"])
def test_a_damaged_record_is_refused(record: str, folder: Path, found: Recognised) -> None:
    save("mine", found)
    (folder / "mine" / "model.json").write_bytes(record.encode("latin-1"))
    with pytest.raises(WeightsError, match=r"model\.json' is damaged: remove "):
        models()


def test_the_record_is_plain_json(folder: Path, found: Recognised) -> None:
    save("mine", found)
    values = json.loads((folder / "mine" / "model.json").read_text())
    assert values["digests"] == dict(load_default().digests)


def test_the_folder_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MTCNN_RAY_MODELS", raising=False)
    assert models_dir().name == "models"
    assert "mtcnn-ray" in models_dir().parts
    monkeypatch.setenv("MTCNN_RAY_MODELS", "~/mine")
    assert models_dir() == Path.home() / "mine"


def test_a_half_written_model_is_none(folder: Path) -> None:
    (folder / ".importing-x").mkdir(parents=True)
    (folder / ".importing-x" / "model.json").write_text("{")
    (folder / "face-detection-0204").mkdir()
    assert models() == []


def test_a_detector_with_imported_weights(folder: Path, other: Recognised) -> None:
    save("mine", other)
    detector = FaceDetector(DetectorSettings(weights="mine"))
    assert isinstance(detector.weights, Weights)
    assert detector.weights.digests == other.weights.digests


def test_a_place_is_kept_from_the_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert DetectorSettings(weights="./mine").weights == str(tmp_path / "mine")
    assert DetectorSettings(weights="mine").weights == "mine"
