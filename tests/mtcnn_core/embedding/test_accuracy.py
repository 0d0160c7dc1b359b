"""The known models tell the persons of LFW's pairs apart, as their templates have them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from mtcnn_core import FaceDetector, decode, kept_faces
from mtcnn_core.crops.crops import cut
from mtcnn_core.embedding.embedder import Embedder
from mtcnn_core.evaluation.verification import verify
from mtcnn_core.faces import Faces
from mtcnn_core.settings.embedding import EmbeddingSettings
from tests.embedding_speed import models

Found = dict[str, tuple[np.ndarray, Faces]]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pairs(data_dir: Path) -> list[dict[str, str]]:
    file = data_dir / "lfw_pairs" / "pairs.csv"
    if not file.is_file():
        pytest.skip(f"no pairs: {file} is missing")
    with file.open() as lines:
        return list(csv.DictReader(lines))


@pytest.fixture(scope="module")
def found(pairs: list[dict[str, str]], data_dir: Path) -> Found:
    """The middlemost face of each photo."""
    detector = FaceDetector()
    faces: Found = {}
    for name in sorted({row[side] for row in pairs for side in "ab"}):
        photo = decode((data_dir / "lfw_pairs" / name).read_bytes())
        each = detector.detect(photo)
        faces[name] = photo, each[kept_faces(each, photo.shape[1], photo.shape[0], "center")]
    return faces


@pytest.mark.parametrize("name", ["dlib", "mobilefacenet", "retail-0095"])
def test_persons_are_told_apart(
    name: str, pairs: list[dict[str, str]], found: Found, data_dir: Path
) -> None:
    model = models(data_dir)[name]
    if model != "dlib" and not Path(model).is_file():
        pytest.skip(f"no model: {model} is missing")
    if model.endswith(".xml"):
        pytest.importorskip("openvino", reason="needs mtcnn-ray[openvino]")
    embedder = Embedder(EmbeddingSettings(model=model))
    crops = []
    for photo, face in found.values():
        (matrix,) = embedder.matrices(face.boxes, face.landmarks)
        crops.append(cut(photo, matrix, embedder.model.size))
    vectors = dict(zip(found, embedder(np.stack(crops))[0], strict=True))
    cosines = np.array([vectors[row["a"]] @ vectors[row["b"]] for row in pairs], np.float64)
    same = np.array([row["same"] == "1" for row in pairs])
    assert verify(cosines, same).mean >= 0.985
    # The thresholds that are noted hold here, too: other photos, of other persons.
    thresholds = embedder.model.thresholds
    assert thresholds is not None
    assert np.mean(cosines[~same] > thresholds.same) <= 0.01
    assert np.mean(cosines[same] > thresholds.maybe_same) >= 0.95
