"""PyTorch's files, zipped or of the older kind, without PyTorch."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import Any

import numpy as np

from mtcnn_core.importing.numpy_files import members
from mtcnn_core.weights.errors import WeightsError
from mtcnn_core.weights.pickles.pickled_arrays import STORAGES, Name, Storage
from mtcnn_core.weights.pickles.reader import read_pickle
from mtcnn_core.weights.pickles.tensors import MAX_BYTES, Tensor, collect

_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C  # the first value of an older file


def read_zip(archive: zipfile.ZipFile, source: str) -> list[Tensor]:
    """Reads a file of PyTorch 1.6 or newer: one pickle, and a member for every storage.

    Raises:
        WeightsError: The file is damaged or hides code.
    """
    files = dict(members(archive, source, ""))
    (pickle,) = (name for name in files if name.endswith("data.pkl"))
    storages = _Storages()
    value = read_pickle(io.BytesIO(files[pickle]), source, storages)
    folder = pickle.removesuffix("data.pkl")
    for key, storage in storages.by_key.items():
        _fill(storage, files.get(f"{folder}data/{key}", b""), source)
    return list(collect(value, (source,)))


def read_legacy(data: bytes, source: str) -> list[Tensor] | None:
    """Reads an older file: five pickles, then the storages; None if it is not one.

    Raises:
        WeightsError: The file is damaged or hides code.
    """
    file = io.BytesIO(data)
    if read_pickle(file, source) != _MAGIC_NUMBER:
        return None
    for _ in range(2):  # the version, and what machine wrote it
        read_pickle(file, source)
    storages = _Storages()
    value = read_pickle(file, source, storages)
    for key in read_pickle(file, source):
        storage = storages.by_key.get(str(key))
        head = file.read(8)
        if storage is None or len(head) < 8:
            raise WeightsError(f"{source} is cut off")
        (size,) = struct.unpack("<q", head)
        if size != storage.size:
            raise WeightsError(f"{source} is damaged: a storage of {size} numbers")
        _fill(storage, file.read(size * storage.dtype.itemsize), source)
    return list(collect(value, (source,)))


class _Storages:
    """The storages that a pickle refers to, as they are met."""

    def __init__(self) -> None:
        self.by_key: dict[str, Storage] = {}

    def __call__(self, reference: Any) -> Storage:
        kind, storage_type, key, _, size, *_ = reference
        if kind != "storage" or not isinstance(storage_type, Name) or storage_type not in STORAGES:
            raise TypeError("a reference to what is no storage")
        dtype = np.dtype(STORAGES[storage_type])
        if not 0 <= int(size) * dtype.itemsize <= MAX_BYTES:
            raise ValueError(f"a storage of {size} numbers")
        return self.by_key.setdefault(str(key), Storage(int(size), dtype))


def _fill(storage: Storage, data: bytes, source: str) -> None:
    if len(data) != storage.size * storage.dtype.itemsize:
        raise WeightsError(f"{source} is cut off")
    storage.data = np.frombuffer(data, storage.dtype)
