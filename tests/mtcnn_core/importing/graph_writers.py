"""Writers of ONNX and of OpenVINO's IR, of the present and the older kind."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mtcnn_core.weights.arrays import Weights
from tests.mtcnn_core.importing.layouts import CAFFE, TORCH, Layers, by_network


def torch_onnx(layers: Layers) -> onnx.ModelProto:
    """The constants as PyTorch's exporter leaves them, in no order; the graph is what tells."""
    nodes, constants, x = [], [], "input"

    def constant(name: str, array: NDArray[np.float32]) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    for number, (layer, parts) in enumerate(layers.items()):
        weight, bias = (constant(f"{number}.{what}", parts[what]) for what in (0, 1))
        kind = "Conv" if parts[0].ndim == 4 else "Gemm"
        nodes.append(helper.make_node(kind, [x, weight, bias], [layer]))
        if len(parts) == 3:
            slope = parts[2].reshape(-1, *[1] * (parts[0].ndim - 2))
            slopes = helper.make_node(
                "Constant", [], [f"s{number}"], value=numpy_helper.from_array(slope, "s")
            )
            nodes.append(slopes)
            x = f"prelu{number}"
            nodes.append(helper.make_node("PRelu", [layer, f"s{number}"], [x]))
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, None)],
        [helper.make_tensor_value_info(next(reversed(layers)), TensorProto.FLOAT, None)],
        constants[::-1],
    )
    return helper.make_model(graph)


def write_onnx(folder: Path, weights: Weights | None = None) -> None:
    for name, (_, layers) in by_network(TORCH, weights).items():
        (folder / f"{name}.onnx").write_bytes(torch_onnx(layers).SerializeToString())


def ir(layers: Layers, dtype: str = "f4") -> tuple[bytes, bytes]:
    """An IR of version 11: the xml and the bin."""
    net = ElementTree.Element("net", name="net", version="11")
    all_layers, edges = (ElementTree.SubElement(net, tag) for tag in ("layers", "edges"))
    constants, count = b"", 0

    def layer(kind: str, name: str, inputs: list[int], **data: str) -> int:
        nonlocal count
        made = ElementTree.SubElement(all_layers, "layer", id=str(count), name=name, type=kind)
        if data:
            ElementTree.SubElement(made, "data", {k.strip("_"): v for k, v in data.items()})
        for port, origin in enumerate(inputs):
            edge = {"from-layer": str(origin), "from-port": "1", "to-layer": str(count)}
            ElementTree.SubElement(edges, "edge", {**edge, "to-port": str(port)})
        count += 1
        return count - 1

    def constant(name: str, array: NDArray[np.float32]) -> int:
        nonlocal constants
        data = array.astype(f"<{dtype}").tobytes()
        where = {"offset": str(len(constants)), "size": str(len(data))}
        constants += data
        kind = {"f4": "f32", "f2": "f16"}[dtype]
        shape = ", ".join(map(str, array.shape))
        made = layer("Const", name, [], element_type=kind, shape=shape, **where)
        return layer("Convert", name + "/c", [made]) if kind == "f16" else made

    x = layer("Parameter", "data", [])
    for name, parts in layers.items():
        inputs = [constant(f"{name}/{what}", parts[what]) for what in (0, 1)]
        kind = "Convolution" if parts[0].ndim == 4 else "MatMul"
        y = layer("Add", f"{name}/add", [layer(kind, name, [x, inputs[0]]), inputs[1]])
        if len(parts) == 3:
            x = layer("PReLU", f"{name}/prelu", [y, constant(f"{name}/slope", parts[2])])
    return ElementTree.tostring(net, xml_declaration=True), constants


def old_ir(layers: Layers) -> tuple[bytes, bytes]:
    """An IR of version 7: layers name their blobs."""
    net = ElementTree.Element("net", name="net", version="7")
    all_layers = ElementTree.SubElement(net, "layers")
    constants = b""
    for name, parts in layers.items():
        weight = parts[0]
        data = {"output": str(len(weight)), "kernel": ",".join(map(str, weight.shape[2:]))}
        if weight.ndim == 2:
            data = {"out-size": str(len(weight))}
        groups = [("Convolution", name, data, {"weights": weight, "biases": parts[1]})]
        if len(parts) == 3:
            groups.append(("PReLU", f"{name}/prelu", {}, {"weights": parts[2]}))
        for kind, called, attributes, arrays in groups:
            place = {"id": str(len(all_layers)), "name": called}
            made = ElementTree.SubElement(
                all_layers, "layer", {**place, "type": kind, "precision": "FP32"}
            )
            ElementTree.SubElement(made, "data", attributes)
            blobs = ElementTree.SubElement(made, "blobs")
            for tag, array in arrays.items():
                where = {"offset": str(len(constants)), "size": str(array.nbytes)}
                ElementTree.SubElement(blobs, tag, where)
                constants += array.tobytes()
    return ElementTree.tostring(net), constants


def write_ir(folder: Path, weights: Weights | None = None) -> None:
    for name, (_, layers) in by_network(CAFFE, weights).items():
        for ending, data in zip((".xml", ".bin"), ir(layers), strict=True):
            (folder / f"mtcnn-{name[0]}{ending}").write_bytes(data)


def write_half_ir(folder: Path, weights: Weights | None = None) -> None:
    for name, (_, layers) in by_network(CAFFE, weights).items():
        for ending, data in zip((".xml", ".bin"), ir(layers, "f2"), strict=True):
            (folder / f"mtcnn-{name[0]}{ending}").write_bytes(data)


def write_old_ir(folder: Path, weights: Weights | None = None) -> None:
    for name, (_, layers) in by_network(CAFFE, weights).items():
        for ending, data in zip((".xml", ".bin"), old_ir(layers), strict=True):
            (folder / f"mtcnn-{name[0]}{ending}").write_bytes(data)
