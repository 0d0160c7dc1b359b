"""The files of an SSD model: found and read."""

from __future__ import annotations

import functools
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from mtcnn_core.settings.models import ENDINGS, IR, ONNX, is_name
from mtcnn_core.weights.errors import ModelError
from mtcnn_core.weights.folder import models_dir

_ZOO = "https://github.com/openvinotoolkit/open_model_zoo/tree/master/models/intel"
# Face detectors have 1 to 100 MB.
_LARGEST = 1 << 30


@dataclass(frozen=True)
class ModelFiles:
    """A model as it lies on the disk.

    Attributes:
        path: Path of the ``.xml`` or ``.onnx``.
        graph: Contents of that file.
        weights: Contents of the ``.bin`` beside an ``.xml``; empty for ONNX.
    """

    path: Path
    graph: bytes
    weights: bytes

    @property
    def is_ir(self) -> bool:
        """Whether the model is an intermediate representation of OpenVINO rather than ONNX."""
        return self.path.suffix == IR

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 over the contents of both files, wherever they lie."""
        digest = hashlib.sha256(self.graph)
        digest.update(hashlib.sha256(self.weights).digest())
        return digest.hexdigest()


def find_model(name: str) -> Path:
    """Finds the ``.xml`` or ``.onnx`` of a model.

    Args:
        name: Path of the model, with or without the ending, or of a folder that holds a file of
            the folder's name; or its name in the models folder.

    Raises:
        ModelError: There is none.
    """
    place = models_dir() / name if is_name(name) else Path(os.path.expanduser(name))
    if place.suffix in ENDINGS:
        candidates = [place]
    else:
        both = (place / place.name, place)
        candidates = [Path(f"{each}{ending}") for each in both for ending in ENDINGS]
    # Not `Path.is_file`, which raises for a name that is too long.
    found = next((path for path in candidates if os.path.isfile(path)), None)
    if found is not None:
        return found
    if is_name(name):
        raise ModelError(
            f"there is no detector '{name}': get its .xml and .bin from {_ZOO}, put them into "
            f"{place}/ on every machine, or give their path"
        )
    raise ModelError(
        f"there is no model at '{name}': give the path of an .xml or .onnx file, which every "
        "machine needs"
    )


def read_model(name: str) -> ModelFiles:
    """Reads the files of a model.

    Args:
        name: As for :func:`find_model`.

    Raises:
        ModelError: There are none, or they cannot be read.
    """
    path = find_model(name)
    graph = _read(path)
    if path.suffix == ONNX:
        return ModelFiles(path, graph, b"")
    weights = path.with_suffix(".bin")
    if not os.path.isfile(weights):
        raise ModelError(f"the weights of '{path}' are missing: put {weights.name} beside it")
    return ModelFiles(path, graph, _read(weights))


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST:
            raise ModelError(f"'{path}' is too large for a detector: give another model")
        return path.read_bytes()
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise ModelError(f"cannot read the model '{path}': {reason}") from error
