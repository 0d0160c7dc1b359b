"""Keras' HDF5 files: ``.h5``, ``.weights.h5``, and the one inside a ``.keras`` file."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np

from mtcnn_core.weights.errors import WeightsError
from mtcnn_core.weights.pickles.tensors import MAX_BYTES, MAX_TENSORS, Tensor, split

MAGIC = b"\x89HDF\r\n\x1a\n"


def read_h5(data: bytes, source: str) -> list[Tensor]:
    """Reads the data sets of an HDF5 file, a layer after the other.

    Raises:
        WeightsError: h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise WeightsError(
            f"{source} is an HDF5 file, which needs h5py: pip install 'mtcnn-ray[models]'"
        ) from error
    with h5py.File(io.BytesIO(data), "r") as file:
        return [
            Tensor((source, *split(name.strip("/"))), np.asarray(found[()]))
            for name, found in _datasets(h5py, file)
        ]


def _datasets(h5py: Any, file: Any) -> Iterator[tuple[str, Any]]:
    """Data sets of numbers in the order that Keras noted, or else in that of their names."""
    found: list[tuple[str, Any]] = []
    sizes: list[int] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind == "f":
            if item.external is not None or item.is_virtual:
                raise ValueError(f"{name} lies outside this file")
            found.append((name, item))
            sizes.append(item.nbytes)
            if sum(sizes) > MAX_BYTES or len(found) > MAX_TENSORS:
                raise ValueError("its arrays are too large for weights")

    file.visititems(visit)
    noted = {name: place for place, name in enumerate(_noted(file))}
    return iter(sorted(found, key=lambda pair: noted.get(pair[0].split("/weights/")[-1], 0)))


def _noted(file: Any) -> Iterator[str]:
    group = file.get("model_weights", file)
    prefix = "model_weights/" if "model_weights" in file else ""
    for layer in group.attrs.get("layer_names", ()):
        name = layer.decode() if isinstance(layer, bytes) else str(layer)
        for weight in group[name].attrs.get("weight_names", ()):
            inner = weight.decode() if isinstance(weight, bytes) else str(weight)
            yield f"{prefix}{name}/{inner}"
