"""Writers of every format that is read: small, and independent of the readers."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.weights.arrays import Weights
from tests.mtcnn_core.importing.graph_writers import (
    write_half_ir,
    write_ir,
    write_old_ir,
    write_onnx,
)
from tests.mtcnn_core.importing.layouts import CAFFE, UPRIGHT_TENSORFLOW, Layers, by_network, named
from tests.mtcnn_core.importing.pickle_writers import (
    write_facenet_npy,
    write_flat_npy,
    write_list_npy,
    write_lz4,
    write_npz,
    write_torch,
    write_torch_half,
    write_torch_legacy,
)


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def _blob(array: NDArray[np.float32], legacy: bool) -> bytes:
    data = _field(5, np.ascontiguousarray(array, "<f4").tobytes())
    if legacy:
        sides = (*[1] * (4 - array.ndim), *array.shape)
        return b"".join(_varint(n << 3) + _varint(s) for n, s in enumerate(sides, 1)) + data
    return data + _field(7, _field(1, b"".join(map(_varint, array.shape))))


def caffe(layers: Layers, *, legacy: bool = False) -> bytes:
    """A model of V2 layers, or of V1 layers with blobs of four sides."""
    name_field, blobs_field, layer_field = (4, 6, 2) if legacy else (1, 7, 100)
    net = _field(1, b"a net")
    for name, arrays in named(layers, ("0", "1", "2")).items():
        blobs = b"".join(_field(blobs_field, _blob(a, legacy)) for a in arrays.values())
        net += _field(layer_field, _field(name_field, name.encode()) + blobs)
    return net


def write_caffe(folder: Path, weights: Weights | None = None) -> None:
    for number, (_, layers) in enumerate(by_network(CAFFE, weights).values(), 1):
        (folder / f"det{number}.caffemodel").write_bytes(caffe(layers))
        (folder / f"det{number}.prototxt").write_text('name: "net"')


def write_caffe_v1(folder: Path, weights: Weights | None = None) -> None:
    for number, (_, layers) in enumerate(by_network(CAFFE, weights).values(), 1):
        (folder / f"{number}.caffemodel").write_bytes(caffe(layers, legacy=True))


def write_h5(folder: Path, weights: Weights | None = None) -> None:
    """As Keras 2 wrote whole models: the order is noted in attributes."""
    import h5py

    for name, (_, layers) in by_network(UPRIGHT_TENSORFLOW, weights).items():
        with h5py.File(folder / f"{name}.h5", "w") as file:
            group = file.create_group("model_weights")
            inner = named(layers, ("kernel:0", "bias:0", "alpha:0"))
            group.attrs["layer_names"] = [layer.encode() for layer in inner]
            for layer, arrays in inner.items():
                keys = [f"{layer}/{key}" for key in arrays]
                made = group.create_group(layer)
                made.attrs["weight_names"] = [key.encode() for key in keys]
                for key, array in zip(keys, arrays.values(), strict=True):
                    made.create_dataset(key, data=array)


def write_keras(folder: Path, weights: Weights | None = None) -> None:
    """As Keras 3: one archive with an HDF5 file in which layers are numbered."""
    import h5py

    file = io.BytesIO()
    with h5py.File(file, "w") as inside:
        for name, (_, layers) in by_network(UPRIGHT_TENSORFLOW, weights).items():
            for number, parts in enumerate(layers.values()):
                ending = f"_{number}" if number else ""
                for place, array in enumerate(parts[:2]):
                    inside[f"{name}/layers/conv2d{ending}/vars/{place}"] = array
                if len(parts) == 3:
                    inside[f"{name}/layers/p_re_lu{ending}/vars/0"] = parts[2]
    with zipfile.ZipFile(folder / "mtcnn.keras", "w") as archive:
        archive.writestr("config.json", json.dumps({}))
        archive.writestr("model.weights.h5", file.getvalue())


# Formats in which the numbers come back as they are.
EXACT: Mapping[str, Callable[..., None]] = {
    "caffe": write_caffe,
    "caffe v1": write_caffe_v1,
    "facenet npy": write_facenet_npy,
    "flat npy": write_flat_npy,
    "npy of lists": write_list_npy,
    "npz": write_npz,
    "joblib lz4": write_lz4,
    "torch zip": write_torch,
    "torch legacy": write_torch_legacy,
    "keras h5": write_h5,
    "keras 3": write_keras,
    "onnx": write_onnx,
    "openvino": write_ir,
    "openvino 7": write_old_ir,
}
HALF: Mapping[str, Callable[..., None]] = {
    "torch zip": write_torch_half,
    "openvino": write_half_ir,
}
