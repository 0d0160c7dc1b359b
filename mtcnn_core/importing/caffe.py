"""Caffe's ``.caffemodel`` files; the ``.prototxt`` beside them is not needed.

Kernels there are for transposed images in the original MTCNN; that is found out later.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from mtcnn_core.weights.errors import WeightsError
from mtcnn_core.weights.pickles.tensors import MAX_BYTES, Tensor

_PACKAGE = "mtcnn_core.caffe"
# Message -> field -> number and type, as in Caffe's own caffe.proto; only what holds weights.
_MESSAGES = {
    "Shape": {"dim": (1, "int64*")},
    "Blob": {
        "num": (1, "int32"),
        "channels": (2, "int32"),
        "height": (3, "int32"),
        "width": (4, "int32"),
        "data": (5, "float*"),
        "shape": (7, "Shape"),
        "double_data": (8, "double*"),
    },
    "Layer": {"name": (1, "string"), "blobs": (7, "Blob*")},
    "OldLayer": {"name": (4, "string"), "blobs": (6, "Blob*")},
    "Net": {"layers": (2, "OldLayer*"), "layer": (100, "Layer*")},
}


def read_caffemodel(data: bytes, source: str) -> list[Tensor]:
    """Reads the blobs of all layers, of the present and the older kind.

    Raises:
        WeightsError: The file is damaged, or no Caffe model.
    """
    net = _net_class()()
    try:
        net.ParseFromString(data)
    except DecodeError as error:
        raise WeightsError(f"{source} is damaged, or in none of the known formats") from error
    tensors = [
        Tensor((source, str(layer.name), str(index)), _array(blob, source))
        for layer in (*net.layers, *net.layer)
        for index, blob in enumerate(layer.blobs)
    ]
    if not tensors:
        raise WeightsError(f"{source} holds no weights in any of the known formats")
    return tensors


def _array(blob: Any, source: str) -> NDArray[Any]:
    data = np.array(blob.data or blob.double_data)
    old = (blob.num, blob.channels, blob.height, blob.width)
    shape = tuple(blob.shape.dim) if blob.HasField("shape") else old
    if min(shape, default=1) < 0 or max(shape, default=1) > MAX_BYTES:
        raise WeightsError(f"{source} is damaged: a blob {shape}")
    try:
        return data.reshape(shape)
    except ValueError as error:
        raise WeightsError(f"{source} is damaged: {data.size} numbers in a blob {shape}") from error


@functools.cache
def _net_class() -> Any:
    """The class of a whole model, from the table above."""
    field_type = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="mtcnn_core/caffe.proto", package=_PACKAGE)
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field_name, (number, kind) in fields.items():
            field = message.field.add(name=field_name, number=number)
            repeated, kind = kind.endswith("*"), kind.removesuffix("*")
            field.label = field_type.LABEL_REPEATED if repeated else field_type.LABEL_OPTIONAL
            if kind in _MESSAGES:
                field.type = field_type.TYPE_MESSAGE
                field.type_name = f".{_PACKAGE}.{kind}"
            else:
                field.type = field_type.Type.Value(f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Net"))
