"""The networks with weights that change from run to run: for trying many on a few crops."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from mtcnn_core.engines.graph_writer import IR_VERSION, OPSET
from mtcnn_core.weights.architecture import Network
from mtcnn_core.weights.arrays import Arrays

Floats = NDArray[np.float32]


def convolved(network: Network, arrays: Arrays, crops: Floats) -> Floats:
    """Returns what the convolutions of a network's body make of crops.

    Args:
        network: The architecture.
        arrays: Its weights by name; those of dense layers are not used.
        crops: ``(n, side, side, 3)`` RGB from 0 to 255.

    Returns:
        ``(n, c, rows, columns)``.
    """
    feeds = {"data": ((crops - 127.5) / 128).astype(np.float32).transpose(0, 3, 1, 2)}
    for layer in network.body:
        if len(layer.shape) == 4:
            feeds[f"{layer.name}.weight"] = arrays[f"{layer.name}.weight"]
            feeds[f"{layer.name}.bias"] = arrays[f"{layer.name}.bias"]
            feeds[f"{layer.name}.slope"] = arrays[f"{layer.name}.slope"].reshape(-1, 1, 1)
    return np.asarray(_session(network).run(None, feeds)[0])


@functools.cache
def _session(network: Network) -> Any:
    """The convolutions as a graph whose weights are inputs."""
    # Imported here: whoever reads weights that are known to be right needs no runtime.
    from mtcnn_core.engines.onnxruntime import CPU, start_session

    nodes, inputs, x = [], ["data"], "data"
    for layer in network.body:
        if len(layer.shape) == 4:
            arrays = [f"{layer.name}.{part}" for part in ("weight", "bias", "slope")]
            nodes.append(helper.make_node("Conv", [x, *arrays[:2]], [layer.name]))
            x = f"{layer.name}.activated"
            nodes.append(helper.make_node("PRelu", [layer.name, arrays[2]], [x]))
            if layer.pool:
                window: dict[str, Any] = {
                    "kernel_shape": [layer.pool] * 2,
                    "strides": [2, 2],
                    "ceil_mode": 1,
                }
                nodes.append(helper.make_node("MaxPool", [x], [f"{x}.pooled"], **window))
                x = f"{x}.pooled"
            inputs += arrays
    graph = helper.make_graph(
        nodes,
        network.name,
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in inputs],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, None)],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
    return start_session(model.SerializeToString(), CPU)


def heads(network: Network, arrays: Arrays, features: Floats) -> dict[str, Floats]:
    """Returns what the rest of a network makes of the convolved crops.

    Args:
        network: The architecture.
        arrays: Its weights by name.
        features: From :func:`convolved`.

    Returns:
        Head -> ``(n, c)``, as they are: scores before the softmax.
    """
    x = features.reshape(len(features), -1)
    for layer in network.body:
        if len(layer.shape) == 2:
            x = _product(x, arrays[f"{layer.name}.weight"]) + arrays[f"{layer.name}.bias"]
            x = np.where(x > 0, x, arrays[f"{layer.name}.slope"] * x)
    return {
        head.name: _product(x, arrays[f"{head.name}.weight"].reshape(head.shape[0], -1))
        + arrays[f"{head.name}.bias"]
        for head in network.heads
    }


def _product(x: Floats, weight: Floats) -> Floats:
    # Not by BLAS, whose threads take far longer to meet than these few numbers on a busy machine.
    return np.asarray(np.einsum("ni,oi->no", x, weight))
