"""Small SSD models, written by the tests: they answer with rows that are known before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Row = Sequence[float]
# image, label, confidence, x1, y1, x2, y2: the face of scikit-image's astronaut, as large as her.
ASTRONAUT: Row = (0, 0, 0.9, 0.35, 0.12, 0.52, 0.34)
END: Row = (-1, 0, 0, 0, 0, 0, 0)


def write_onnx(
    path: Path,
    rows: Sequence[Row] = (ASTRONAUT, END),
    *,
    shape: Sequence[int | str] = (1, 3, 32, 48),
    kind: int = TensorProto.FLOAT,
    echo: bool = False,
    inputs: int = 1,
    outputs: int = 1,
    output_shape: Sequence[int] | None = None,
) -> Path:
    """Writes a model as ONNX.

    Args:
        path: Where.
        rows: What it answers.
        shape: Of its input.
        kind: Type of its input.
        echo: Add the means of the three channels of what it sees to the last three columns but one.
        inputs: How many it has.
        outputs: How many it has, all the same.
        output_shape: Of its outputs; 1, 1, n, 7 by default.
    """
    table = np.array(rows, np.float32)
    answer = list(output_shape or (1, 1, *table.shape))
    constants = {
        "rows": table.reshape(answer),
        "axes": np.array([1, 2] if shape[-1] == 3 else [2, 3]),
        "means_shape": np.array([1, 1, 1, 3]),
        "padding": np.array([0, 0, 0, 3, 0, 0, 0, 1]),
        "next_to_nothing": np.array(1e-30, np.float32),
        "answer": np.array(answer),
    }
    nodes = [helper.make_node("Cast", ["in0"], ["seen"], to=TensorProto.FLOAT)]
    if echo:
        nodes += [
            helper.make_node("ReduceMean", ["seen", "axes"], ["means"], keepdims=1),
            helper.make_node("Reshape", ["means", "means_shape"], ["flat"]),
            helper.make_node("Pad", ["flat", "padding"], ["told0"]),
        ]
    else:
        nodes += _trace("in0", "told0")
    # Inputs and outputs without effect are left out by OpenVINO.
    for i in range(1, inputs):
        nodes += [*_trace(f"in{i}", f"trace{i}")]
        nodes += [helper.make_node("Add", [f"told{i - 1}", f"trace{i}"], [f"told{i}"])]
    nodes += [
        helper.make_node("Add", ["rows", f"told{inputs - 1}"], ["sum"]),
        *(helper.make_node("Reshape", ["sum", "answer"], [f"out{i}"]) for i in range(outputs)),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info(f"in{i}", kind, shape) for i in range(inputs)],
        [
            helper.make_tensor_value_info(f"out{i}", TensorProto.FLOAT, answer)
            for i in range(outputs)
        ],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


def _trace(source: str, result: str) -> list[onnx.NodeProto]:
    """A number that depends on an input and is lost beside all others."""
    return [
        helper.make_node("Cast", [source], [f"{result} float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", [f"{result} float"], [f"{result} mean"], keepdims=0),
        helper.make_node("Mul", [f"{result} mean", "next_to_nothing"], [result]),
    ]


def write_ir(path: Path, rows: Sequence[Row] = (ASTRONAUT, END), **options: object) -> Path:
    """Writes the same for OpenVINO: an ``.xml`` with its ``.bin`` beside it."""
    import openvino

    graph = write_onnx(path.with_suffix(".onnx"), rows, **options)  # type: ignore[arg-type]
    openvino.save_model(
        openvino.Core().read_model(graph.read_bytes(), b""), path, compress_to_fp16=False
    )
    graph.unlink()
    return path
