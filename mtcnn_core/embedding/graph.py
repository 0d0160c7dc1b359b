"""An ONNX graph of an embedding network while it is being written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Floats = NDArray[np.float32]
_OPSET = 13
_IR_VERSION = 8
IMAGE, EMBEDDING = "image", "embedding"


class EmbeddingGraph:
    """Operators from ``image`` float32 ``(n, 3, size, size)`` to ``embedding`` ``(n, width)``."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def add(self, operator: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Adds an operator and returns the name of its output."""
        output = f"{operator.lower()}{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def constant(self, value: NDArray[Any]) -> str:
        """Adds numbers and returns their name."""
        name = f"constant{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def convolution(
        self,
        x: str,
        weight: Floats,
        bias: Floats,
        stride: int = 1,
        padding: tuple[int, int] = (0, 0),
    ) -> str:
        """Adds a convolution; the padding is of rows and columns, on either side."""
        return self.add(
            "Conv",
            [x, self.constant(weight), self.constant(bias)],
            kernel_shape=list(weight.shape[2:]),
            strides=[stride, stride],
            pads=[*padding, *padding],
        )

    def relu(self, x: str) -> str:
        """Adds the larger of each value and 0."""
        return self.add("Relu", [x])

    def pool(self, operator: str, x: str, side: int, stride: int) -> str:
        """Adds the maximum or mean of windows, only whole ones."""
        return self.add(operator, [x], kernel_shape=[side, side], strides=[stride, stride])

    def filled(self, x: str, channels: int = 0, pixels: int = 0) -> str:
        """Adds zeros behind the channels, and below and right of the pixels."""
        ends = np.array([0, 0, 0, 0, 0, channels, pixels, pixels], np.int64)
        return self.add("Pad", [x, self.constant(ends)]) if channels or pixels else x

    def finished(self, size: int, width: int) -> bytes:
        """Returns the model, whose output is that of the operator added last."""
        self._nodes[-1].output[0] = EMBEDDING
        graph = helper.make_graph(
            self._nodes,
            EMBEDDING,
            [helper.make_tensor_value_info(IMAGE, TensorProto.FLOAT, ["n", 3, size, size])],
            [helper.make_tensor_value_info(EMBEDDING, TensorProto.FLOAT, ["n", width])],
            self._constants,
        )
        opset = helper.make_opsetid("", _OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        data: bytes = model.SerializeToString(deterministic=True)
        return data
