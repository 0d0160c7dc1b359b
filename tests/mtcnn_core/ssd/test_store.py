"""SSD models that are kept under a name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mtcnn_core.ssd.files import find_model, read_model
from mtcnn_core.ssd.store import keep_model
from mtcnn_core.weights.errors import ModelError, WeightsError
from mtcnn_core.weights.folder import ENVIRONMENT_VARIABLE
from tests.mtcnn_core.ssd.models import END, write_ir, write_onnx

pytest.importorskip("openvino", reason="needs mtcnn-ray[openvino]")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The models folder; not there yet."""
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.mark.parametrize(("write", "file"), [(write_ir, "a.xml"), (write_onnx, "a.onnx")])
def test_what_is_kept_is_found_by_its_name(
    folder: Path, tmp_path: Path, write: Callable[[Path], Path], file: str
) -> None:
    model = read_model(str(write(tmp_path / file)))
    assert keep_model(model, "faces") == find_model("faces")
    assert read_model("faces").digest == model.digest
    assert [path.name for path in folder.iterdir()] == ["faces"]


def test_a_name_that_is_taken_is_refused_unless_it_is_to_be_replaced(
    folder: Path, tmp_path: Path
) -> None:
    old = read_model(str(write_ir(tmp_path / "old.xml")))
    new = read_model(str(write_onnx(tmp_path / "new.onnx", [END])))
    keep_model(old, "faces")
    with pytest.raises(WeightsError, match="there is a model 'faces' already"):
        keep_model(new, "faces")
    assert read_model("faces").digest == old.digest
    keep_model(new, "faces", replace=True)
    assert read_model("faces").digest == new.digest


@pytest.mark.parametrize("name", ["", "..", "mtcnn", "original", "a/b", "~a", "a.xml"])
def test_what_is_no_name_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError, match="a model cannot be called"):
        keep_model(read_model(str(write_onnx(tmp_path / "a.onnx"))), name)
    assert not folder.exists()


def test_a_folder_that_cannot_be_written_is_said(folder: Path, tmp_path: Path) -> None:
    folder.write_bytes(b"")
    with pytest.raises(WeightsError, match="cannot write the model folder"):
        keep_model(read_model(str(write_onnx(tmp_path / "a.onnx"))), "faces")
