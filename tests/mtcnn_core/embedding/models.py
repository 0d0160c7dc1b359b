"""Small ONNX models made for tests."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto, helper


def embedding_model(file: Path, size: int, cells: int = 4) -> Path:
    """A model whose embedding of a crop is its mean colours in a grid of so many cells a side."""
    side = size // cells
    graph = helper.make_graph(
        [
            helper.make_node(
                "AveragePool", ["in0"], ["cells"], kernel_shape=[side, side], strides=[side, side]
            ),
            helper.make_node("Flatten", ["cells"], ["out0"]),
        ],
        "embedding",
        [helper.make_tensor_value_info("in0", TensorProto.FLOAT, ["n", 3, size, size])],
        [helper.make_tensor_value_info("out0", TensorProto.FLOAT, ["n", 3 * cells**2])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, file)
    return file
