"""Arrays in NumPy's files: ``.npy``, also with a pickled dict of arrays in it, and ``.npz``."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

import numpy as np

from mtcnn_core.weights.errors import WeightsError
from mtcnn_core.weights.pickles.reader import read_pickle
from mtcnn_core.weights.pickles.tensors import MAX_BYTES, Tensor, collect, split

MAGIC = b"\x93NUMPY"


def read_npy(data: bytes, source: str) -> list[Tensor]:
    """Reads one array, or the arrays in a pickle, as in davidsandberg's ``det1.npy``.

    Raises:
        WeightsError: The file is damaged or hides code.
    """
    return list(collect(_value(data, source), (source,)))


def _value(data: bytes, source: str) -> Any:
    file = io.BytesIO(data)
    major, _ = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0
    shape, fortran, dtype = (read if major == 1 else np.lib.format.read_array_header_2_0)(file)
    if dtype.hasobject:
        return read_pickle(file, source)
    count = math.prod(shape)
    if count < 0 or count * dtype.itemsize != len(data) - file.tell():
        raise WeightsError(f"{source} is damaged: its size is not that of an array {shape}")
    flat = np.frombuffer(data, dtype, count, file.tell())
    return flat.reshape(shape, order="F" if fortran else "C")


def read_npz(archive: zipfile.ZipFile, source: str) -> list[Tensor]:
    """Reads the arrays of an ``.npz`` file.

    Raises:
        WeightsError: The file is damaged or hides code.
    """
    return [
        tensor
        for name, data in members(archive, source, ".npy")
        for tensor in _renamed(read_npy(data, source), (source, *split(name.removesuffix(".npy"))))
    ]


def _renamed(tensors: list[Tensor], path: tuple[str, ...]) -> Iterator[Tensor]:
    return (Tensor((*path, *tensor.path[1:]), tensor.array) for tensor in tensors)


def members(archive: zipfile.ZipFile, source: str, ending: str) -> Iterator[tuple[str, bytes]]:
    """Yields the members of a zip archive whose names end so, with their bytes.

    Raises:
        WeightsError: They are too large when they are unpacked.
    """
    left = MAX_BYTES
    for info in archive.infolist():
        if not PurePath(info.filename).as_posix().endswith(ending):
            continue
        with archive.open(info) as file:
            data = file.read(left + 1)
        left -= len(data)
        if left < 0:
            raise WeightsError(f"{source} is too large for weights when it is unpacked")
        yield info.filename, data
