"""OpenVINO's IR: an ``.xml`` with the graph and a ``.bin`` with its constants, without OpenVINO."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.weights.errors import WeightsError
from mtcnn_core.weights.pickles.tensors import Tensor, split

_TYPES = {"f16": "<f2", "f32": "<f4", "f64": "<f8", "FP16": "<f2", "FP32": "<f4"}
_RESHAPING = frozenset({"Convert", "Reshape", "Squeeze", "Unsqueeze"})


def read_ir(xml: bytes, constants: bytes, source: str) -> list[Tensor]:
    """Reads the constants of an IR in the order in which its operations use them.

    Args:
        xml: The graph.
        constants: What lies beside it in the ``.bin`` file.
        source: What to call it in errors.

    Raises:
        WeightsError: The file is no IR.
    """
    parser = ElementTree.XMLParser(target=_Builder())
    net = ElementTree.fromstring(xml, parser)
    if net.tag != "net":
        raise WeightsError(f"{source} is no OpenVINO IR: it begins with <{net.tag[:50]}>")
    return [*_new(net, constants, source), *_old(net, constants, source)]


class _Builder(ElementTree.TreeBuilder):
    """Refuses document types: an IR has none, and they can define entities without end."""

    def doctype(self, *_: object) -> None:
        raise ValueError("a document type")


def _new(net: ElementTree.Element, constants: bytes, source: str) -> Iterator[Tensor]:
    """Versions 10 and 11: constants are layers of their own."""
    layers = {layer.attrib["id"]: layer for layer in net.iterfind("./layers/layer")}
    inputs: dict[str, list[tuple[int, str]]] = {}
    for edge in net.iterfind("./edges/edge"):
        inputs.setdefault(edge.attrib["to-layer"], []).append(
            (int(edge.attrib["to-port"]), edge.attrib["from-layer"])
        )

    def constant(key: str, depth: int = 0) -> ElementTree.Element | None:
        """The constant that a layer is, or hands on in another shape."""
        kind = layers[key].attrib["type"]
        if kind in _RESHAPING and inputs.get(key) and depth < 8:
            return constant(min(inputs[key])[1], depth + 1)
        return layers[key] if kind == "Const" else None

    seen: set[str] = set()
    for key, layer in layers.items():
        if layer.attrib["type"] in _RESHAPING:
            continue
        for _, origin in sorted(inputs.get(key, [])):
            found = constant(origin)
            if found is None or found.attrib["id"] in seen:
                continue
            seen.add(found.attrib["id"])
            data = found.find("data")
            if data is None or data.attrib["element_type"] not in _TYPES:
                continue
            shape = [int(side) for side in re.findall(r"-?\d+", data.attrib["shape"])]
            dtype = np.dtype(_TYPES[data.attrib["element_type"]])
            array = _cut(constants, data.attrib, dtype).reshape(shape)
            yield Tensor((source, *split(found.attrib["name"])), array)


def _old(net: ElementTree.Element, constants: bytes, source: str) -> Iterator[Tensor]:
    """Version 7 and older: a layer names its own blobs, whose shape follows from its attributes."""
    for layer in net.iterfind("./layers/layer"):
        blobs = layer.find("blobs")
        if blobs is None:
            continue
        dtype = np.dtype(_TYPES[layer.attrib["precision"]])
        data = layer.find("data")
        attributes = data.attrib if data is not None else {}
        for blob in blobs:
            array = _cut(constants, blob.attrib, dtype)
            out = attributes.get("output") or attributes.get("out-size")
            if blob.tag == "weights" and out:
                kernel = [int(side) for side in attributes.get("kernel", "").split(",") if side]
                array = array.reshape([int(out), -1, *kernel])
            yield Tensor((source, *split(layer.attrib["name"]), blob.tag), array)


def _cut(constants: bytes, where: dict[str, str], dtype: np.dtype[Any]) -> NDArray[Any]:
    start, size = int(where["offset"]), int(where["size"])
    if min(start, size) < 0 or start + size > len(constants):
        raise ValueError("a constant lies beyond the end of the .bin file")
    return np.frombuffer(constants[start : start + size], dtype)
