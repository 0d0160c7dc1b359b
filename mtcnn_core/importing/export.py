"""The three networks as ONNX files with the names and layouts of Open Model Zoo's mtcnn-p, -r, -o.

As with the Caffe models described there, images are transposed: the input ``data`` is
``(n, 3, width, height)`` RGB of ``(x - 127.5) / 128``. Outputs are ``prob1`` (class 0 is no face,
1 is face), the box offsets x1 y1 x2 y2 (``conv4-2``, ``conv5-2``, ``conv6-2``) and, of mtcnn-o,
``conv6-3``: five x, then five y.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mtcnn_core.engines.graph_writer import IR_VERSION, OPSET, Floats
from mtcnn_core.importing.layouts import DESCRIPTION
from mtcnn_core.weights.architecture import NETWORKS, PNET, Layer, Network
from mtcnn_core.weights.arrays import Arrays, Weights
from mtcnn_core.weights.errors import WeightsError

# Network -> name of the file and of its heads.
_NAMES = {
    "pnet": ("mtcnn-p", {"score": "conv4-1", "boxes": "conv4-2"}),
    "rnet": ("mtcnn-r", {"score": "conv5-1", "boxes": "conv5-2"}),
    "onet": ("mtcnn-o", {"score": "conv6-1", "boxes": "conv6-2", "landmarks": "conv6-3"}),
}


def export_onnx(weights: Weights, folder: Path) -> list[Path]:
    """Writes ``mtcnn-p.onnx``, ``mtcnn-r.onnx`` and ``mtcnn-o.onnx``.

    Args:
        weights: Arrays of the three networks.
        folder: Made if it is not there; files of these names in it are replaced.

    Returns:
        The files.

    Raises:
        WeightsError: The folder cannot be written.
    """
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for network in NETWORKS:
            file = folder / f"{_NAMES[network.name][0]}.onnx"
            graph = public_graph(network, weights[network.name])
            file.write_bytes(graph.SerializeToString(deterministic=True))
            written.append(file)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise WeightsError(f"cannot write to '{folder}': {reason}") from error
    return written


def public_graph(network: Network, arrays: Arrays) -> onnx.ModelProto:
    """Returns the graph of one network, for any runtime; see the head of this file."""
    graph = _PublicGraph(network, arrays)
    x = "data"
    for number, layer in enumerate(network.body, 1):
        x = graph.body_layer(x, layer, number)
    _, head_names = _NAMES[network.name]
    for head in network.heads:
        graph.layer(x, head, head_names[head.name])
    graph.add("Softmax", [head_names["score"]], "prob1", axis=1)
    model = helper.make_model(
        graph.finished(),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        doc_string=DESCRIPTION,
    )
    onnx.checker.check_model(model, full_check=True)
    return model


class _PublicGraph:
    """The nodes and constants of one network while its graph is being written."""

    def __init__(self, network: Network, arrays: Arrays) -> None:
        self._network = network
        self._arrays = arrays
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Adds an operator and returns the name of its output."""
        self._nodes.append(helper.make_node(operator, inputs, [output], output, **attributes))
        return output

    def _constant(self, key: str, value: Floats) -> str:
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), key))
        return key

    def layer(self, x: str, layer: Layer, output: str) -> str:
        """Adds a convolution or a dense layer."""
        weight = _transposed(self._network, layer, self._arrays[f"{layer.name}.weight"])
        pair = [
            self._constant(f"{output}.weight", weight),
            self._constant(f"{output}.bias", self._arrays[f"{layer.name}.bias"]),
        ]
        if weight.ndim == 4:
            return self.add("Conv", [x, *pair], output, kernel_shape=list(weight.shape[2:]))
        return self.add("Gemm", [x, *pair], output, transB=1)

    def body_layer(self, x: str, layer: Layer, number: int) -> str:
        """Adds a layer with its PReLU and pooling."""
        if len(layer.shape) == 2:
            x = self.add("Flatten", [x], "flatten")
        x = self.layer(x, layer, f"conv{number}")
        slope = self._arrays[f"{layer.name}.slope"].reshape(-1, *[1] * (len(layer.shape) - 2))
        slopes = self._constant(f"prelu{number}.slope", slope)
        x = self.add("PRelu", [x, slopes], f"prelu{number}")
        if not layer.pool:
            return x
        window = {"kernel_shape": [layer.pool] * 2, "strides": [2, 2], "ceil_mode": 1}
        return self.add("MaxPool", [x], f"pool{number}", **window)

    def finished(self) -> onnx.GraphProto:
        """Returns the graph with its inputs and outputs."""
        name, head_names = _NAMES[self._network.name]
        flexible = self._network is PNET
        sides = ["width", "height"] if flexible else [self._network.side] * 2
        rest = ["cells_x", "cells_y"] if flexible else []
        heads = self._network.heads[1:]
        outputs = {"prob1": 2, **{head_names[head.name]: head.shape[0] for head in heads}}
        return helper.make_graph(
            self._nodes,
            name,
            [helper.make_tensor_value_info("data", TensorProto.FLOAT, ["n", 3, *sides])],
            [
                helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", channels, *rest])
                for output, channels in outputs.items()
            ],
            self._constants,
        )


def _transposed(network: Network, layer: Layer, weight: Floats) -> Floats:
    """A weight for transposed images."""
    if weight.ndim == 4:
        return np.asarray(weight.swapaxes(2, 3))
    if layer.name != "dense":
        return weight
    channels = network.body[network.body.index(layer) - 1].shape[0]
    side = round((weight.shape[1] / channels) ** 0.5)
    whole = weight.reshape(-1, channels, side, side)
    return np.asarray(whole.swapaxes(2, 3).reshape(len(weight), -1))
