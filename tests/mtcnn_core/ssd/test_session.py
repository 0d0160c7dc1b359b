"""Models in OpenVINO and ONNX Runtime: what they answer, and which are refused at the start."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto

from mtcnn_core.engines import openvino as engine_openvino
from mtcnn_core.engines.errors import DeviceError
from mtcnn_core.settings.ssd import SsdSettings
from mtcnn_core.ssd.files import read_model
from mtcnn_core.ssd.session import SsdSession
from mtcnn_core.weights.errors import ModelError
from tests.mtcnn_core.ssd.models import ASTRONAUT, write_ir, write_onnx

pytest.importorskip("openvino", reason="needs mtcnn-ray[openvino]")

_WRITERS = {"a.onnx": write_onnx, "a.xml": write_ir}


@pytest.fixture(params=list(_WRITERS))
def write(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Path]:
    """Writes a model in one of the formats."""

    def written(*rows: Any, **options: Any) -> Path:
        return _WRITERS[request.param](tmp_path / request.param, *rows, **options)

    return written


def _start(path: Path, **options: Any) -> SsdSession:
    return SsdSession(read_model(str(path)), SsdSettings(**options), "cpu", "f32")


def test_it_answers_with_the_rows_before_the_end(write: Callable[..., Path]) -> None:
    session = _start(write())
    assert (session.width, session.height) == (48, 32)
    found = session(np.zeros((20, 30, 3), np.uint8))
    np.testing.assert_array_equal(found, np.array([ASTRONAUT], np.float32))


@pytest.mark.parametrize(
    "options",
    [
        {"shape": (1, 3, 32, 48)},
        {"shape": (1, 32, 48, 3)},
        {"shape": ("batch", 3, 32, 48)},
        {"kind": TensorProto.UINT8},
        {"kind": TensorProto.FLOAT16},
    ],
    ids=str,
)
def test_it_sees_the_photo(
    write: Callable[..., Path], options: dict[str, Any], rng: np.random.Generator
) -> None:
    pixels = rng.integers(0, 256, (32, 48, 3), np.uint8)
    (row,) = _start(write([[0, 0, 0, 0, 0, 0, 0]], echo=True, **options))(pixels)
    expected = pixels.astype(np.float64).mean(axis=(0, 1))[::-1]
    np.testing.assert_allclose(row[3:6], expected, rtol=1e-3)


def test_answers_are_not_overwritten_by_the_next(write: Callable[..., Path]) -> None:
    session = _start(write([[0, 0, 0, 0, 0, 0, 0]], echo=True))
    black = session(np.zeros((32, 48, 3), np.uint8))
    session(np.full((32, 48, 3), 255, np.uint8))
    np.testing.assert_array_equal(black, 0)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"inputs": 2}, "it has 2 inputs and 1 outputs"),
        ({"outputs": 2}, "it has 1 inputs and 2 outputs"),
        ({"output_shape": (1, 2, 7)}, "its output has the shape 1 x 2 x 7, but"),
        ({"output_shape": (2, 7)}, "its output has the shape 2 x 7, but"),
        ({"shape": (1, 3, "height", "width")}, "its input has the shape 1 x 3 x ? x ?; export it"),
        ({"shape": (1, 1, 32, 48)}, "its input has the shape 1 x 1 x 32 x 48, but"),
        ({"kind": TensorProto.INT64}, "its input is of the type "),
    ],
    ids=str,
)
def test_what_is_no_ssd_detector_is_refused(
    write: Callable[..., Path], options: dict[str, Any], sentence: str
) -> None:
    path = write(**options)
    with pytest.raises(ModelError) as error:
        _start(path)
    assert str(error.value).startswith(f"'{path}' cannot be the detector: {sentence}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"not a model",
        lambda data: data[: len(data) // 2],
        lambda data: bytes(len(data)),
    ],
    ids=["empty", "text", "cut", "zeros"],
)
def test_what_is_no_model_is_refused(
    write: Callable[..., Path], damage: Callable[[bytes], bytes]
) -> None:
    path = write()
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ModelError, match=r"cannot be the detector: .* cannot read it; ") as error:
        _start(path)
    assert "\n" not in str(error.value)


def test_weights_that_are_cut_off_are_refused(tmp_path: Path) -> None:
    path = write_ir(tmp_path / "a.xml", echo=True)
    path.with_suffix(".bin").write_bytes(path.with_suffix(".bin").read_bytes()[:20])
    with pytest.raises(ModelError, match="get both of its files again"):
        _start(path)


def test_a_model_for_another_purpose_is_refused(data_dir: Path) -> None:
    path = data_dir / "models" / "openvino" / "face-reidentification-retail-0095"
    with pytest.raises(ModelError, match="its output has the shape 1 x 256 x 1 x 1"):
        _start(path)


def test_openvino_models_are_refused_on_other_devices(tmp_path: Path) -> None:
    model = read_model(str(write_ir(tmp_path / "a.xml")))
    with pytest.raises(DeviceError, match=r"a\.xml' runs on the CPU only: leave --device cuda"):
        SsdSession(model, SsdSettings(), "cuda", "f32")


def test_without_openvino_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = read_model(str(write_ir(tmp_path / "a.xml")))
    monkeypatch.setattr(engine_openvino, "_core", engine_openvino._core.__wrapped__)
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(DeviceError, match=r"pip install 'mtcnn-ray\[openvino\]'"):
        SsdSession(model, SsdSettings(), "cpu", "f32")


def test_onnx_needs_no_openvino(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_onnx(tmp_path / "a.onnx")
    monkeypatch.setattr(engine_openvino, "_core", engine_openvino._core.__wrapped__)
    monkeypatch.setitem(sys.modules, "openvino", None)
    pixels: NDArray[np.uint8] = np.zeros((32, 48, 3), np.uint8)
    assert len(_start(path)(pixels)) == 1
