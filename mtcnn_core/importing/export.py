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
from mtcnn_core.weights.architecture import NETWORKS, PNET, Layer, Network
from mtcnn_core.weights.arrays import Arrays, Weights
from mtcnn_core.weights.errors import WeightsError

# Network -> name of the file and of its heads.
_NAMES = {
    "pnet": ("mtcnn-p", {"score": "conv4-1", "boxes": "conv4-2"}),
    "rnet": ("mtcnn-r", {"score": "conv5-1", "boxes": "conv5-2"}),
    "onet": ("mtcnn-o", {"score": "conv6-1", "boxes": "conv6-2", "landmarks": "conv6-3"}),
}
_DESCRIPTION = (
    "Input: RGB, (x - 127.5) / 128, transposed: (n, 3, width, height). prob1: class 1 is face."
)


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
    name, head_names = _NAMES[network.name]
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []

    def add(operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(operator, inputs, [output], output, **attributes))
        return output

    def constant(key: str, value: Floats) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value), key))
        return key

    def layer_of(x: str, layer: Layer, output: str) -> str:
        weight = _transposed(network, layer, arrays[f"{layer.name}.weight"])
        pair = [
            constant(f"{output}.weight", weight),
            constant(f"{output}.bias", arrays[f"{layer.name}.bias"]),
        ]
        if weight.ndim == 4:
            return add("Conv", [x, *pair], output, kernel_shape=list(weight.shape[2:]))
        return add("Gemm", [x, *pair], output, transB=1)

    x = "data"
    for number, layer in enumerate(network.body, 1):
        if len(layer.shape) == 2:
            x = add("Flatten", [x], "flatten")
        x = layer_of(x, layer, f"conv{number}")
        slope = arrays[f"{layer.name}.slope"].reshape(-1, *[1] * (len(layer.shape) - 2))
        x = add("PRelu", [x, constant(f"prelu{number}.slope", slope)], f"prelu{number}")
        if layer.pool:
            window = [layer.pool, layer.pool]
            x = add(
                "MaxPool", [x], f"pool{number}", kernel_shape=window, strides=[2, 2], ceil_mode=1
            )
    for head in network.heads:
        layer_of(x, head, head_names[head.name])
    add("Softmax", [head_names["score"]], "prob1", axis=1)

    flexible = network is PNET
    sides = ["width", "height"] if flexible else [network.side, network.side]
    rest = ["cells_x", "cells_y"] if flexible else []
    outputs = {"prob1": 2, **{head_names[h.name]: h.shape[0] for h in network.heads[1:]}}
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, ["n", 3, *sides])],
        [
            helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", channels, *rest])
            for output, channels in outputs.items()
        ],
        constants,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        doc_string=_DESCRIPTION,
    )
    onnx.checker.check_model(model, full_check=True)
    return model


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
