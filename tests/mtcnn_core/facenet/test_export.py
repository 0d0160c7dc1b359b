from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtcnn_core.embedding.embedder import Embedder
from mtcnn_core.embedding.errors import EmbeddingError
from mtcnn_core.settings.crops import PRESETS, CropSettings
from mtcnn_core.settings.embedding import EmbeddingSettings

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from mtcnn_core.facenet.export import CropError, export_onnx, feeding_of  # noqa: E402
from mtcnn_core.facenet.networks import build_network  # noqa: E402

_BOX = np.array([[40.0, 30.0, 140.0, 150.0]], np.float32)
_LANDMARKS = np.array(
    [[[65.0, 75.0], [112.0, 74.0], [90.0, 100.0], [70.0, 122.0], [110.0, 121.0]]], np.float32
)


@pytest.fixture(scope="module")
def network() -> Any:
    torch.manual_seed(0)
    made = build_network("small").eval()
    for module in made.modules():  # as after some training
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
    return made


def _stored(network: Any, folder: Path, crop: CropSettings, window: float = 1.0) -> Path:
    file = folder / "mine.onnx"
    file.write_bytes(export_onnx(network, feeding_of(crop, 112, window), "mine", {"steps": 3}))
    return file


def test_embed_gives_the_vectors_that_the_network_gives(network: Any, tmp_path: Path) -> None:
    file = _stored(network, tmp_path, PRESETS["arcface112"])
    crops = np.random.default_rng(0).integers(0, 256, (5, 112, 112, 3), np.uint8)
    vectors, _ = Embedder(EmbeddingSettings(model=str(file)))(crops)
    given = (torch.from_numpy(crops).permute(0, 3, 1, 2).float() - 127.5) / 128
    with torch.inference_mode():
        expected = network(given).numpy()
    assert np.abs(vectors - expected).max() < 1e-5


def test_the_same_weights_give_the_same_bytes(network: Any) -> None:
    feeding = feeding_of(PRESETS["arcface112"], 112, 1.0)
    assert export_onnx(network, feeding, "a", {}) == export_onnx(network, feeding, "a", {})


@pytest.mark.parametrize(
    ("crop", "stored"),
    [(PRESETS["arcface112"], 112), (PRESETS["facenet160"], 160)],
    ids=["similarity", "margin"],
)
def test_the_window_is_the_middle_of_the_stored_crop(
    crop: CropSettings, stored: int, network: Any, tmp_path: Path
) -> None:
    whole = Embedder(EmbeddingSettings(model=str(_stored(network, tmp_path, crop))))
    part = Embedder(EmbeddingSettings(model=str(_stored(network, tmp_path, crop, 0.75))))
    (outer,), (inner,) = (each.matrices(_BOX, _LANDMARKS) for each in (whole, part))
    point = np.array([97.0, 88.0, 1.0])
    in_outer, in_inner = outer @ point, inner @ point
    middle = 112 / 2
    assert in_inner - middle == pytest.approx((in_outer - middle) / 0.75, abs=1e-3)


def test_a_setting_that_says_otherwise_is_refused(network: Any, tmp_path: Path) -> None:
    file = _stored(network, tmp_path, PRESETS["arcface112"])
    with pytest.raises(EmbeddingError, match="was trained with normalise fixed"):
        Embedder(EmbeddingSettings(model=str(file), normalise="prewhiten"))


def test_crops_that_embed_cannot_make_are_refused() -> None:
    with pytest.raises(CropError, match="margin_pixels"):
        feeding_of(PRESETS["facenet182"], 112, 1.0)


def test_nn2_goes_the_same_way(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build_network("nn2").eval()
    file = tmp_path / "nn2.onnx"
    file.write_bytes(export_onnx(network, feeding_of(PRESETS["arcface112"], 64, 1.0), "nn2", {}))
    crops = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    vectors, _ = Embedder(EmbeddingSettings(model=str(file)))(crops)
    with torch.inference_mode():
        expected = network((torch.from_numpy(crops).permute(0, 3, 1, 2).float() - 127.5) / 128)
    assert np.abs(vectors - expected.numpy()).max() < 1e-4
