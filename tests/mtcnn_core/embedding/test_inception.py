"""facenet-pytorch's network from its `.pt`, against a plain computation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mtcnn_core.embedding.embedder import Embedder
from mtcnn_core.embedding.errors import EmbeddingError
from mtcnn_core.embedding.inception import build_graph
from mtcnn_core.embedding.store import keep_embedding
from mtcnn_core.settings.embedding import EmbeddingSettings
from mtcnn_core.weights.errors import WeightsError
from tests.mtcnn_core.embedding.inceptions import Arrays, inception_arrays
from tests.mtcnn_core.embedding.oracle import Inception
from tests.mtcnn_core.importing.pickle_writers import torch


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    return inception_arrays(np.random.default_rng(0))


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MTCNN_RAY_MODELS", str(tmp_path / "models"))
    return tmp_path


def test_vectors_are_those_of_a_plain_computation(models: Path, arrays: Arrays) -> None:
    file = models / "vggface2.pt"
    file.write_bytes(torch(arrays, legacy=False))
    kept = keep_embedding(file, "facenet", EmbeddingSettings())
    assert (kept.width, kept.known, kept.feeding.template) == (512, "facenet-pytorch", "margin")
    embedder = Embedder(EmbeddingSettings(model="facenet", batch=1))
    crop = np.random.default_rng(1).integers(0, 256, (160, 160, 3)).astype(np.uint8)
    expected = Inception(arrays).vector((crop.transpose(2, 0, 1) - 127.5) / 128)
    (vector,), (norm,) = embedder(crop[None])
    assert vector @ expected / np.linalg.norm(expected) > 0.99999
    assert norm == pytest.approx(np.linalg.norm(expected), rel=1e-4)


@pytest.mark.parametrize(
    ("name", "array", "says"),
    [
        ("block8.conv2d.bias", None, r"block8\.conv2d\.bias is missing"),
        ("last_bn.weight", np.zeros(3, np.float32), r"shape \(3,\)"),
        ("last_bn.bias", np.full(512, np.nan, np.float32), "not finite"),
    ],
)
def test_arrays_that_do_not_fit_are_named(
    arrays: Arrays, name: str, array: object, says: str
) -> None:
    changed = {key: value for key, value in arrays.items() if key != name}
    with pytest.raises(EmbeddingError, match=says):
        build_graph(changed if array is None else {**changed, name: array})  # type: ignore[dict-item]


def test_another_network_in_a_pt_is_refused(models: Path) -> None:
    file = models / "other.pt"
    file.write_bytes(torch({"fc.weight": np.ones((2, 2), np.float32)}, legacy=False))
    with pytest.raises(WeightsError, match="holds no Inception-ResNet-v1"):
        keep_embedding(file, "other", EmbeddingSettings())
