"""ONNX files: the constants of a graph in the order in which its operators use them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import numpy_helper

from mtcnn_core.importing.layouts import DESCRIPTION
from mtcnn_core.weights.errors import WeightsError
from mtcnn_core.weights.pickles.tensors import MAX_BYTES, Tensor, split

# Operators that, of a constant, make the same numbers in another shape.
_RESHAPING = frozenset(
    {"Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"}
)


def read_onnx(data: bytes, source: str) -> list[Tensor] | None:
    """Reads the constants of an ONNX model; None if it is not one.

    Raises:
        WeightsError: It keeps its weights in another file.
    """
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError:
        return None
    if not model.graph.node:
        return None
    return list(_tensors(model.graph, source))


def is_ours(data: bytes) -> bool:
    """Tells whether an ONNX model says itself that it is laid out as ours are."""
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError:
        return False
    return bool(model.doc_string == DESCRIPTION)


def _tensors(graph: onnx.GraphProto, source: str) -> Iterator[Tensor]:
    constants = {each.name: each for each in graph.initializer}
    arrays: dict[str, NDArray[Any]] = {}
    seen: set[str] = set()
    for node in graph.node:
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value":
                    constants[node.output[0]] = attribute.t
            continue
        used = [name for name in node.input if name in constants or name in arrays]
        for name in used:
            if name not in arrays:
                arrays[name] = _array(constants[name], source)
        if node.op_type in _RESHAPING and used and used[0] == node.input[0]:
            arrays[node.output[0]] = _reshaped(node, arrays[used[0]])
            continue
        for name in used:
            if name not in seen and arrays[name].dtype.kind == "f":
                seen.add(name)
                yield Tensor((source, *split(name)), arrays[name])


def _array(tensor: onnx.TensorProto, source: str) -> NDArray[Any]:
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise WeightsError(f"{source} keeps its weights in another file: save it again as one file")
    if not 0 <= math.prod(tensor.dims) <= MAX_BYTES:
        raise ValueError(f"a constant of shape {tuple(tensor.dims)}")
    return np.asarray(numpy_helper.to_array(tensor))


def _reshaped(node: onnx.NodeProto, array: NDArray[Any]) -> NDArray[Any]:
    """A constant after an operator; only the order of its numbers matters, not its shape."""
    if node.op_type != "Transpose":
        return array
    order = [list(each.ints) for each in node.attribute if each.name == "perm"]
    return np.asarray(array.transpose(order[0] if order else None))
