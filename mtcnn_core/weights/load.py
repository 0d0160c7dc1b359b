"""Weights by name: the original ones, or imported ones from the models folder."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.weights.arrays import Weights
from mtcnn_core.weights.errors import WeightsError, reason
from mtcnn_core.weights.folder import models_dir
from mtcnn_core.weights.names import ORIGINAL, is_name
from mtcnn_core.weights.original import load_default

ARRAYS = "weights.npz"
# The three networks are 2 MB.
_LARGEST = 64 << 20


def load_weights(name: str) -> Weights:
    """Reads weights by name.

    Args:
        name: ``original``, the name of an imported model, or the path of its folder or ``.npz``.

    Raises:
        WeightsError: There are none, or they are damaged.
    """
    return load_default() if name == ORIGINAL else _read(arrays_file(name))


def arrays_file(name: str) -> Path:
    """Returns the file with the arrays of an imported model.

    Raises:
        WeightsError: There is no such model.
    """
    if is_name(name):
        file = models_dir() / name / ARRAYS
        if not file.is_file():
            raise WeightsError(
                f"there are no weights '{name}': `mtcnn-ray models list` shows those there are, "
                "`mtcnn-ray models import` adds others"
            )
        return file
    path = Path(os.path.expanduser(name))
    file = path / ARRAYS if path.is_dir() else path
    if not file.is_file() or file.suffix != ".npz":
        raise WeightsError(
            f"'{name}' is no imported model: import the files with `mtcnn-ray models import`, "
            "and give its name"
        )
    return file


def stored(weights: Weights) -> bytes:
    """Returns weights as a file that :func:`load_weights` reads: ``<network>.<array>``."""
    arrays = {
        f"{network}.{name}": array
        for network, each in weights.arrays.items()
        for name, array in each.items()
    }
    data = io.BytesIO()
    np.savez(data, **arrays)  # type: ignore[arg-type]
    return data.getvalue()


def _read(file: Path) -> Weights:
    """Reads an ``.npz`` of this package's own: ``<network>.<array>``, without pickles."""
    arrays: dict[str, dict[str, NDArray[np.float32]]] = {}
    try:
        with zipfile.ZipFile(file) as archive:
            if sum(info.file_size for info in archive.infolist()) > _LARGEST:
                raise WeightsError("it is too large, the three networks are 2 MB")
        with np.load(file, allow_pickle=False) as stored:
            for key in stored.files:
                network, _, name = key.partition(".")
                arrays.setdefault(network, {})[name] = stored[key]
        return Weights(arrays)
    except Exception as error:  # what damage leads to depends on the byte that is damaged
        raise WeightsError(
            f"'{file}' is damaged ({reason(error)}): import the model again"
        ) from error
