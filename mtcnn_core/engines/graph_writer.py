"""An ONNX graph while it is being written, one operator after another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 13
IR_VERSION = 8
_CHANNEL_BLOCK = 16

Floats = NDArray[np.float32]


def padded(channels: int) -> int:
    """Rounds a number of channels up to whole blocks of ONNX Runtime's AVX-512 kernels."""
    return -(-channels // _CHANNEL_BLOCK) * _CHANNEL_BLOCK


@dataclass
class GraphWriter:
    """Nodes and constants while a graph is being written.

    Attributes:
        mixing: float32 ``(c, channels)``: the ``c`` channels of the last convolution as sums of
            the channels of its tensor.
    """

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    mixing: Floats = field(default_factory=lambda: np.eye(3, dtype=np.float32))

    @property
    def channels(self) -> int:
        """Channels of the last convolution's tensor."""
        return int(self.mixing.shape[1])

    def add(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        """Adds an operator and returns the name of its output."""
        output = f"{operator.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def affine(self, x: str, name: str, weight: Floats, bias: Floats, *, pad: bool = False) -> str:
        """Adds a dense layer, or a convolution over as many input channels as there are."""
        if weight.ndim == 2:
            return self.add("Gemm", [x, *self._pair(name, weight.T, bias)])
        out = padded(len(bias)) if pad else len(bias)
        kernel = np.zeros((out, self.channels, *weight.shape[2:]), np.float32)
        kernel[: len(weight)] = np.einsum("oihw,ic->ochw", weight, self.mixing)
        self.mixing = np.eye(len(weight), out, dtype=np.float32)
        return self.add("Conv", [x, *self._pair(name, kernel, _filled(bias, out))])

    def scale(self, x: str, name: str, factors: Floats, rank: int) -> str:
        """Adds the product of each channel and its factor."""
        if rank == 4:
            factors = _filled(factors, self.channels).reshape(-1, 1, 1)
        return self.add("Mul", [x, self._constant(name, factors)])

    def shift(self, x: str, name: str, amount: float) -> str:
        """Adds the sum of every value and an amount."""
        return self.add("Add", [x, self._constant(name, np.full(1, amount, np.float32))])

    def pool(self, x: str, side: int) -> str:
        """Adds the maximum of windows two apart, partial ones at the far edges included."""
        return self.add("MaxPool", [x], kernel_shape=[side, side], strides=[2, 2], ceil_mode=1)

    def _pair(self, name: str, weight: Floats, bias: Floats) -> tuple[str, str]:
        return self._constant(name + ".weight", weight), self._constant(name + ".bias", bias)

    def _constant(self, name: str, value: Floats) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def model(self, name: str, pixels: int, rank: int) -> onnx.ModelProto:
        """Returns the finished model; the output of the last node is ``heads``."""
        self.nodes[-1].output[0] = "heads"
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info("image", pixels, ["n", "h", "w", 3])],
            [helper.make_tensor_value_info("heads", TensorProto.FLOAT, [None] * rank)],
            self.constants,
        )
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        return model


def _filled(values: Floats, length: int) -> Floats:
    return np.pad(values, (0, length - len(values)))
