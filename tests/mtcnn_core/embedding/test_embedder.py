"""Embeddings: what the model is given, what comes out, and which models are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from pydantic import ValidationError

from mtcnn_core.embedding.embedder import Embedder, check_directions
from mtcnn_core.embedding.errors import EmbeddingError
from mtcnn_core.settings.embedding import EmbeddingSettings

SIZE = 8


def _save(
    path: Path,
    shape: list[Any],
    *,
    inputs: int = 1,
    kind: int = TensorProto.FLOAT,
    outputs: int = 1,
    nodes: list[onnx.NodeProto] | None = None,
) -> Path:
    """A model whose output is its input, flattened."""
    given = [helper.make_tensor_value_info(f"in{i}", kind, shape) for i in range(inputs)]
    nodes = nodes or [helper.make_node("Flatten", ["in0"], ["out0"])]
    nodes += [helper.make_node("Flatten", ["in0"], [f"out{i}"]) for i in range(1, outputs)]
    found = [helper.make_tensor_value_info(f"out{i}", kind, None) for i in range(outputs)]
    graph = helper.make_graph(nodes, "model", given, found)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, path)
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return _save(tmp_path / "model.onnx", ["n", 3, SIZE, SIZE])


def _settings(model: Path, **said: Any) -> EmbeddingSettings:
    """All that has to be said of a model that is not known."""
    said = {"template": "arcface112", "normalise": "fixed", "colours": "rgb", "size": SIZE} | said
    return EmbeddingSettings(model=str(model), **said)


def _embed(model: Path, crops: NDArray[np.uint8], **said: Any) -> NDArray[np.float32]:
    return Embedder(_settings(model, **said))(crops)[0]


def _crops(rng: np.random.Generator, count: int = 1) -> NDArray[np.uint8]:
    return rng.integers(0, 256, (count, SIZE, SIZE, 3)).astype(np.uint8)


def _expected(crops: NDArray[np.uint8], mean: float, scale: float) -> NDArray[np.float64]:
    planes = (crops.astype(np.float64) - mean) / scale
    flat = planes.transpose(0, 3, 1, 2).reshape(len(crops), -1)
    vectors: NDArray[np.float64] = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    return vectors


def test_the_model_gets_normalised_rgb_planes(model: Path, rng: np.random.Generator) -> None:
    crops = _crops(rng, 3)
    found = _embed(model, crops, normalise="own", mean=100, scale=50)
    np.testing.assert_allclose(found, _expected(crops, 100, 50), atol=1e-6)


def test_bgr_on_demand(model: Path, rng: np.random.Generator) -> None:
    crops = _crops(rng)
    found = _embed(model, crops, colours="bgr")
    np.testing.assert_allclose(found, _expected(crops[..., ::-1], 127.5, 128), atol=1e-6)


def test_flip_adds_the_mirrored_crop(model: Path, rng: np.random.Generator) -> None:
    crops = _crops(rng)
    found = _embed(model, crops, flip=True)
    both = (crops.astype(np.float64) + crops[:, :, ::-1]) / 2
    np.testing.assert_allclose(found, _expected(both, 127.5, 128), atol=1e-6)  # type: ignore[arg-type]


@pytest.mark.parametrize("batch", ["n", 1, 5])
def test_any_number_of_crops(tmp_path: Path, rng: np.random.Generator, batch: Any) -> None:
    model = _save(tmp_path / "model.onnx", [batch, 3, SIZE, SIZE])
    crops = _crops(rng, 37)
    found = _embed(model, crops)
    np.testing.assert_allclose(found, _expected(crops, 127.5, 128), atol=1e-6)


def test_no_crops_give_no_embeddings(model: Path) -> None:
    assert _embed(model, np.empty((0, SIZE, SIZE, 3), np.uint8)).shape == (0, 3 * SIZE * SIZE)


def test_a_model_may_take_crops_of_any_size(tmp_path: Path, rng: np.random.Generator) -> None:
    model = _save(tmp_path / "model.onnx", ["n", 3, "h", "w"])
    assert _embed(model, _crops(rng)).shape == (1, 3 * SIZE * SIZE)


def _zero(path: Path) -> Path:
    nodes = [
        helper.make_node("Sub", ["in0", "in0"], ["nothing"]),
        helper.make_node("Flatten", ["nothing"], ["out0"]),
    ]
    return _save(path, ["n", 3, SIZE, SIZE], nodes=nodes)


def _one_row(path: Path) -> Path:
    node = helper.make_node("ReduceMean", ["in0"], ["out0"], axes=[0])
    return _save(path, ["n", 3, SIZE, SIZE], nodes=[node])


def _text(path: Path) -> Path:
    path.write_text("weights")
    return path


@pytest.mark.parametrize(
    ("make", "says"),
    [
        pytest.param(lambda path: path, "no model", id="missing"),
        pytest.param(lambda path: path.parent, "no model", id="folder"),
        pytest.param(_text, "not a model in ONNX", id="not a model"),
        pytest.param(lambda p: _save(p, ["n", 3, SIZE, SIZE], inputs=2), "2 inputs", id="inputs"),
        pytest.param(
            lambda p: _save(p, ["n", 3, SIZE, SIZE], outputs=2), "2 outputs", id="outputs"
        ),
        pytest.param(lambda p: _save(p, ["n", 1, SIZE, SIZE]), "? x 1 x 8 x 8", id="one channel"),
        pytest.param(lambda p: _save(p, ["n", 3]), "? x 3", id="no picture"),
        pytest.param(
            lambda p: _save(p, ["n", 3, SIZE, SIZE], kind=TensorProto.UINT8), "uint8", id="bytes"
        ),
        pytest.param(lambda p: _save(p, ["n", 3, 112, 112]), "112x112 pixels", id="other size"),
        pytest.param(lambda p: _save(p, ["n", 3, SIZE, 9]), "9x8 pixels", id="not square"),
    ],
)
def test_an_unfit_model_is_one_sentence(tmp_path: Path, make: Any, says: str) -> None:
    with pytest.raises(EmbeddingError) as caught:
        Embedder(_settings(make(tmp_path / "model.onnx")))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_output_that_is_no_direction_has_no_length(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    vectors, norms = Embedder(_settings(_zero(tmp_path / "model.onnx")))(_crops(rng, 2))
    assert not vectors.any()
    assert norms.tolist() == [0, 0]
    with pytest.raises(EmbeddingError, match="zero or not finite"):
        check_directions(norms, "model")


def test_an_output_that_is_no_vector_a_crop_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingError, match="one vector a crop"):
        Embedder(_settings(_one_row(tmp_path / "model.onnx")))


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan")])
def test_a_scale_is_positive(model: Path, scale: float) -> None:
    with pytest.raises(ValidationError, match="scale"):
        _settings(model, normalise="own", mean=0, scale=scale)
