"""A model that gives a face another vector than it should is refused when it starts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mtcnn_core.embedding.embedder import Embedder
from mtcnn_core.embedding.errors import EmbeddingError
from mtcnn_core.engines.registry import ENGINES, EXACT
from mtcnn_core.settings.embedding import EmbeddingSettings

SIZE = 8
INEXACT = [
    precision for engine in ENGINES if engine.formats for precision in engine.precisions[1:2]
]


def _save(file: Path, nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto]) -> Path:
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info("in0", TensorProto.FLOAT, ["n", 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("out0", TensorProto.FLOAT, None)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, file)
    return file


def _settings(file: Path, **said: object) -> EmbeddingSettings:
    return EmbeddingSettings(
        model=str(file),
        template="arcface112",
        normalise="fixed",
        colours="rgb",
        **said,  # type: ignore[arg-type]
    )


def test_vectors_that_depend_on_their_neighbours(tmp_path: Path) -> None:
    """Sums up to here, as the layers of a network for sequences would."""
    nodes = [
        helper.make_node("CumSum", ["in0", "axis"], ["sums"]),
        helper.make_node("Flatten", ["sums"], ["out0"]),
    ]
    axis = numpy_helper.from_array(np.array(0, np.int64), "axis")
    file = _save(tmp_path / "model.onnx", nodes, [axis])
    with pytest.raises(EmbeddingError, match="computed with other faces: set batch to 1"):
        Embedder(_settings(file))
    assert Embedder(_settings(file, batch=1)).model.width == 3 * SIZE * SIZE


@pytest.mark.parametrize("precision", INEXACT)
@pytest.mark.parametrize("centred", [True, False])
def test_vectors_that_move_in_another_precision(
    tmp_path: Path, precision: str, centred: bool
) -> None:
    """Small differences of large numbers are lost in bfloat16."""
    pytest.importorskip("openvino", reason="needs mtcnn-ray[openvino]")
    weight = np.random.default_rng(0).standard_normal((3 * SIZE * SIZE, 16)).astype(np.float32)
    far = np.full(16, 0 if centred else 3000, np.float32)
    constants = [
        numpy_helper.from_array(array, name)
        for array, name in ((weight, "weight"), (far, "far"), (-far, "back"))
    ]
    nodes = [
        helper.make_node("Flatten", ["in0"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight", "far"], ["moved"]),
        helper.make_node("Relu", ["moved"], ["kept"]),
        helper.make_node("Gemm", ["kept", "one", "back"], ["out0"]),
    ]
    constants.append(numpy_helper.from_array(np.eye(16, dtype=np.float32), "one"))
    file = _save(tmp_path / "model.onnx", nodes, constants)
    settings = _settings(file, precision=precision)
    if not _computes(settings):
        pytest.skip(f"this processor does not compute in {precision}")
    if centred:
        vectors, _ = Embedder(settings)(np.full((1, SIZE, SIZE, 3), 9, np.uint8))
        exact, _ = Embedder(_settings(file, precision=EXACT))(
            np.full((1, SIZE, SIZE, 3), 9, np.uint8)
        )
        assert 0.999 < (vectors * exact).sum() < 1 + 1e-6
    else:
        with pytest.raises(EmbeddingError, match=r"more than 0\.001: leave precision away"):
            Embedder(settings)


def _computes(settings: EmbeddingSettings) -> bool:
    import openvino

    wanted = settings.precision.upper()
    return wanted in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
