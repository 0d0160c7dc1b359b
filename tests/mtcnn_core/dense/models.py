"""Small networks of the families of YuNet and SCRFD, written by the tests: random convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


@dataclass(frozen=True)
class Form:
    """What a network looks like.

    Attributes:
        family: "yunet" or "scrfd".
        strides: Of its grids.
        anchors: Answers of each cell.
        size: Width and height of the images it takes; None takes any.
        batched: Outputs are ``(1, n, c)`` rather than ``(n, c)``.
        sigmoid: Scores are probabilities rather than logits.
        points: Whether it has points.
        by_grid: Outputs come grid after grid, points first, rather than kind after kind.
        rounded_up: Cells reach beyond an image that does not fill them.
        seed: Of its weights.
    """

    family: str = "yunet"
    strides: Sequence[int] = (8, 16, 32)
    anchors: int = 1
    size: tuple[int, int] | None = None
    batched: bool = True
    sigmoid: bool = True
    points: bool = True
    by_grid: bool = False
    rounded_up: bool = False
    seed: int = 1

    @property
    def heads(self) -> dict[str, int]:
        """Kind of output -> numbers of an answer."""
        scores = {"cls": 1, "obj": 1} if self.family == "yunet" else {"score": 1}
        return {**scores, "bbox": 4, **({"kps": 10} if self.points else {})}

    @property
    def outputs(self) -> list[tuple[str, int]]:
        """Kind and stride of each output."""
        if self.by_grid:
            return [(kind, stride) for stride in self.strides for kind in reversed(self.heads)]
        return [(kind, stride) for kind in self.heads for stride in self.strides]


def write_dense(path: Path, form: Form, kind: int = TensorProto.FLOAT) -> Path:
    """Writes a network of a form as ONNX; on black all its scores are low.

    Args:
        path: Where.
        form: What it looks like.
        kind: Type of its input, in which it computes unless that is bytes.
    """
    rng = np.random.default_rng(form.seed)
    computed = TensorProto.FLOAT if kind == TensorProto.UINT8 else kind
    pieces = [_head(form, name, stride, rng, computed) for name, stride in form.outputs]
    height, width = form.size[::-1] if form.size else ("height", "width")
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["image"], ["seen"], to=computed),
            *(node for nodes, _ in pieces for node in nodes),
        ],
        "dense",
        [helper.make_tensor_value_info("image", kind, [1, 3, height, width])],
        [
            helper.make_tensor_value_info(
                f"out{number}", computed, [*([1] if form.batched else []), None, form.heads[name]]
            )
            for number, (name, _) in enumerate(form.outputs)
        ],
        [array for _, arrays in pieces for array in arrays],
    )
    # Not the names that people's files have.
    for number, (name, stride) in enumerate(form.outputs):
        for node in graph.node:
            if list(node.output) == [f"{name}_{stride}"]:
                node.output[:] = [f"out{number}"]
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


def _head(
    form: Form, name: str, stride: int, rng: np.random.Generator, kind: int
) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """One output of one grid: a convolution as wide as a cell."""
    columns, key = form.heads[name], f"{name}_{stride}"
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    weights = rng.normal(size=(form.anchors * columns, 3, stride, stride))
    weights -= weights.mean(axis=(1, 2, 3), keepdims=True)  # so black gives the bias
    scale = 60.0 if form.family == "yunet" else 0.5
    weights *= {1: 3, 4: 0.3, 10: 1}[columns] / (scale * stride)
    bias = {1: -2.0, 4: 1.5, 10: 0.0}[columns]
    arrays = {
        f"{key} weights": weights.astype(dtype),
        f"{key} bias": np.full(len(weights), bias, dtype),
        f"{key} shape": np.array([*([1] if form.batched else []), -1, columns]),
    }
    score = columns == 1 and form.sigmoid
    nodes = [
        helper.make_node(
            "Conv",
            ["seen", f"{key} weights", f"{key} bias"],
            [f"{key} map"],
            strides=[stride, stride],
            auto_pad="SAME_UPPER" if form.rounded_up else "VALID",
        ),
        helper.make_node("Transpose", [f"{key} map"], [f"{key} last"], perm=[0, 2, 3, 1]),
        helper.make_node(
            "Reshape", [f"{key} last", f"{key} shape"], [f"{key} flat" if score else key]
        ),
    ]
    if score:
        nodes += [helper.make_node("Sigmoid", [f"{key} flat"], [key])]
    return nodes, [numpy_helper.from_array(array, each) for each, array in arrays.items()]


def write_ir(path: Path, form: Form) -> Path:
    """Writes the same for OpenVINO: an ``.xml`` with its ``.bin`` beside it."""
    import openvino

    graph = write_dense(path.with_suffix(".onnx"), form)
    model = openvino.Core().read_model(graph.read_bytes(), b"")
    openvino.save_model(model, path, compress_to_fp16=False)
    graph.unlink()
    return path
