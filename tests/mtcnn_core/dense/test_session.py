"""What a network of YuNet's or SCRFD's family answers, against a plain decode of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto

from mtcnn_core.dense.session import DenseSession
from mtcnn_core.faces import Faces
from mtcnn_core.images.photo import decode
from mtcnn_core.settings.dense import DenseSettings
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.ssd.files import read_model
from mtcnn_core.weights.errors import ModelError
from tests.mtcnn_core.dense.models import Form, write_dense, write_ir
from tests.mtcnn_core.dense.plain import decode_plainly

Pixels = NDArray[np.uint8]
YUNET = Form()
SCRFD = Form("scrfd", anchors=2)
_THRESHOLD, _NMS = 0.2, 0.3

FORMS = {
    "yunet": YUNET,
    "yunet of one size": replace(YUNET, size=(96, 64)),
    "yunet, grid after grid": replace(YUNET, by_grid=True),
    "yunet, logits": replace(YUNET, sigmoid=False),
    "yunet, four grids": replace(YUNET, strides=(8, 16, 32, 64)),
    "yunet, cut cells": replace(YUNET, size=(136, 100)),
    "yunet, cells beyond": replace(YUNET, size=(136, 100), rounded_up=True),
    "scrfd": SCRFD,
    "scrfd of one size": replace(SCRFD, size=(64, 64)),
    "scrfd, one anchor, five grids": replace(SCRFD, anchors=1, strides=(8, 16, 32, 64, 128)),
    "scrfd without a batch": replace(SCRFD, batched=False),
    "scrfd, logits, grid after grid": replace(SCRFD, sigmoid=False, by_grid=True),
}


@pytest.fixture
def image(rng: np.random.Generator) -> Pixels:
    """Clouds, 150 x 200."""
    small = rng.integers(0, 256, (15, 20, 3), np.uint8)
    return np.asarray(cv2.resize(small, (200, 150), interpolation=cv2.INTER_CUBIC), np.uint8)


def _session(path: Path, **settings: Any) -> DenseSession:
    dense = DenseSettings(threshold=_THRESHOLD, nms=_NMS)
    return DenseSession(read_model(str(path)), DetectorSettings(dense=dense, **settings))


def _same(found: Faces, expected: Faces, atol: float) -> None:
    assert len(found) == len(expected) > 0
    assert (np.diff(found.scores) <= 1e-6).all()
    # Equal scores may come in another order.
    apart = np.abs(found.boxes[None] - expected.boxes[:, None]).max(axis=2)
    found = found[apart.argmin(axis=1)]
    np.testing.assert_allclose(found.scores, expected.scores, rtol=0, atol=1e-5)
    np.testing.assert_allclose(found.boxes, expected.boxes, rtol=0, atol=atol)
    np.testing.assert_allclose(found.landmarks, expected.landmarks, rtol=0, atol=atol)


@pytest.mark.parametrize("longest", [160, 300, None])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_it_is_decoded_as_plainly(
    tmp_path: Path, image: Pixels, form: Form, longest: int | None
) -> None:
    path = write_dense(tmp_path / "model.onnx", form)
    session = _session(path)
    assert session.family.lower() == form.family
    expected = decode_plainly(path, form, image, longest, _THRESHOLD, _NMS)
    _same(session.look(image, longest), expected, 1e-3)


@pytest.mark.parametrize("form", [YUNET, SCRFD, FORMS["scrfd of one size"]], ids=str)
@pytest.mark.parametrize("write", [write_dense, write_ir])
def test_openvino_finds_the_same(tmp_path: Path, image: Pixels, form: Form, write: Any) -> None:
    pytest.importorskip("openvino", reason="needs mtcnn-ray[openvino]")
    plain = write_dense(tmp_path / "plain.onnx", form)
    expected = decode_plainly(plain, form, image, 160, _THRESHOLD, _NMS)
    path = write(tmp_path / ("model.xml" if write is write_ir else "model.onnx"), form)
    _same(_session(path, engine="openvino").look(image, 160), expected, 2e-2)


def test_half_precision_is_taken(tmp_path: Path, image: Pixels) -> None:
    path = write_dense(tmp_path / "half.onnx", SCRFD, TensorProto.FLOAT16)
    expected = decode_plainly(path, SCRFD, image, 160, _THRESHOLD, _NMS)
    _same(_session(path).look(image, 160), expected, 1e-3)


@pytest.mark.parametrize(
    ("file", "form"),
    [("yunet_n_dynamic", YUNET), ("scrfd_500m_kps", replace(SCRFD, size=(640, 640)))],
)
def test_a_photo_is_decoded_as_plainly(data_dir: Path, file: str, form: Form) -> None:
    path = data_dir / "models" / "detectors" / f"{file}.onnx"
    photo = sorted((data_dir / "wider" / "images").glob("*/*.jpg"))[20]
    pixels = decode(photo.read_bytes())
    form = replace(form, by_grid=False)
    expected = decode_plainly(path, form, pixels, 640, _THRESHOLD, _NMS)
    _same(_session(path).look(pixels, 640), expected, 1e-2)


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        (replace(SCRFD, points=False), "it has no five points, which crops are aligned by: get "),
        (
            replace(SCRFD, strides=(8, 16, 24), size=(96, 96)),
            r"gives 288 \+ 72 \+ 32 answers for 96 x 96 pixels, which fit no grids",
        ),
    ],
)
def test_what_it_cannot_use_is_refused(tmp_path: Path, form: Form, sentence: str) -> None:
    path = write_dense(tmp_path / "model.onnx", form)
    with pytest.raises(ModelError, match=sentence) as error:
        _session(path)
    assert str(error.value).startswith(f"'{path}' cannot be the detector: ")
    assert "\n" not in str(error.value)


def test_a_network_of_images_as_bytes_is_refused(tmp_path: Path) -> None:
    path = write_dense(tmp_path / "model.onnx", YUNET, TensorProto.UINT8)
    with pytest.raises(ModelError, match=r"it takes uint8: export it for float32 or float16$"):
        _session(path)


@pytest.mark.parametrize(
    ("columns", "number"), [(1, np.nan), (4, np.nan), (4, np.inf), (4, -9.0), (10, np.inf)]
)
def test_what_cannot_be_is_no_face(
    tmp_path: Path, image: Pixels, columns: int, number: float
) -> None:
    session = _session(write_dense(tmp_path / "model.onnx", SCRFD))
    run_all = session._model.run_all

    def broken(blob: Any) -> list[Any]:
        outputs = run_all(blob)
        for output in outputs:
            if output.shape[2] == columns:
                output[0, ::2] = number
        return outputs

    expected = session.look(image, 160)
    session._model.run_all = broken  # type: ignore[method-assign]
    found = session.look(image, 160)
    assert np.isfinite(found.boxes).all()
    assert np.isfinite(found.landmarks).all()
    assert (found.boxes[:, 2:] > found.boxes[:, :2]).all()
    assert 0 < len(found) < len(expected)
