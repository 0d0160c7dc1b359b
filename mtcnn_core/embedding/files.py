"""The files of an embedding model: found, read, and carried to where it is computed."""

from __future__ import annotations

import functools
import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

from mtcnn_core.embedding.card import read_card
from mtcnn_core.embedding.dlib_file import find_dlib
from mtcnn_core.embedding.dlib_graph import dlib_graph
from mtcnn_core.embedding.errors import EmbeddingError
from mtcnn_core.embedding.known import DLIB_DIGEST, by_digest, by_name
from mtcnn_core.embedding.model import Known
from mtcnn_core.embedding.record import damaged, read_record
from mtcnn_core.settings.embedding import DLIB, EmbeddingSettings
from mtcnn_core.settings.models import ENDINGS, IR, ONNX, is_name
from mtcnn_core.weights.errors import reason
from mtcnn_core.weights.folder import models_dir

# The largest in use, a ResNet of 100 layers, has 260 MB; ONNX holds no more than 2 GB in one file.
_LARGEST = 1 << 30


@dataclass(frozen=True)
class EmbeddingFiles:
    """A model that was read once, and can be sent to wherever it is computed.

    Attributes:
        name: What it is called.
        ending: ``.onnx`` or ``.xml``.
        graph: Contents of the file of that ending.
        weights: Contents of the ``.bin`` beside an ``.xml``; empty for ONNX.
        known: What is known of it; None if nothing is.
        origin: Digest of the file that the graph was made of; empty where it is a file itself.
    """

    name: str
    ending: str
    graph: bytes
    weights: bytes = b""
    known: Known | None = None
    origin: str = ""

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of the file; over the digests of both, in hexadecimal, for an ``.xml``."""
        return self.origin or digest_of(self.graph, self.weights)


def digest_of(graph: bytes, weights: bytes) -> str:
    """Returns the digest of a model's files; see :attr:`EmbeddingFiles.digest`."""
    digest = hashlib.sha256(graph).hexdigest()
    if not weights:
        return digest
    both = digest + hashlib.sha256(weights).hexdigest()
    return hashlib.sha256(both.encode()).hexdigest()


def read_model(name: str) -> EmbeddingFiles:
    """Reads a model.

    Args:
        name: "dlib", the name of an imported model, or the path of an ``.onnx`` or ``.xml``.

    Raises:
        EmbeddingError: There is none, it cannot be read, or the wheel with dlib's is missing.
    """
    if name == DLIB:
        data = find_dlib()
        graph = dlib_graph(data, DLIB_DIGEST)
        return EmbeddingFiles(DLIB, ONNX, graph, known=by_name(DLIB), origin=DLIB_DIGEST)
    return _imported(name) if is_name(name) else read_files(Path(name))


def carried(settings: EmbeddingSettings) -> EmbeddingFiles | None:
    """Returns what a job has to take along; None for dlib, which each machine has installed."""
    return None if settings.model == DLIB else read_model(settings.model)


def read_files(path: Path) -> EmbeddingFiles:
    """Reads an ``.onnx`` with its external data, or an ``.xml`` with its ``.bin``.

    Raises:
        EmbeddingError: They are not there, cannot be read, or are too large.
    """
    if path.suffix not in ENDINGS or not os.path.isfile(path):
        raise EmbeddingError(
            f"there is no model '{path}': give the path of an .onnx or .xml file, or the name of "
            "an imported one (`mtcnn-ray models list`)"
        )
    graph = _read(path)
    if path.suffix == IR:
        weights = path.with_suffix(".bin")
        if not os.path.isfile(weights):
            raise EmbeddingError(f"the weights of '{path}' are missing: put {weights.name} beside")
        found = EmbeddingFiles(path.stem, IR, graph, _read(weights))
    else:
        found = EmbeddingFiles(path.stem, ONNX, _whole(path, graph))
    known = by_digest(found.digest)
    if known is None and found.ending == ONNX:
        known = read_card(found.graph, path.name)
    return replace(found, known=known)


def _imported(name: str) -> EmbeddingFiles:
    folder = models_dir() / name
    record = read_record(folder)
    ending = IR if (folder / f"{name}{IR}").is_file() else ONNX
    found = read_files(folder / f"{name}{ending}")
    if digest_of(found.graph, found.weights) != record.files:
        raise damaged(name, "its files are not those that were imported")
    known = by_name(record.known) or found.known or Known(name, record.licence, record.feeding)
    known = replace(known, licence=record.licence)
    return replace(found, name=name, known=known, origin=record.digest)


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST:
            raise EmbeddingError(f"'{path}' is larger than 1 GB: give another model")
        return path.read_bytes()
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        raise EmbeddingError(f"cannot read the model '{path}': {why}") from error


def _whole(path: Path, data: bytes) -> bytes:
    """The model with what it keeps in files beside it."""
    import onnx
    from onnx.external_data_helper import load_external_data_for_model, uses_external_data

    try:
        model = onnx.load_model_from_string(data)
        if not any(map(uses_external_data, model.graph.initializer)):
            return data
        load_external_data_for_model(model, str(path.parent))
        whole: bytes = model.SerializeToString(deterministic=True)
    except Exception as error:  # of a class for each thing that can be wrong
        raise EmbeddingError(
            f"'{path}' is not a model in ONNX, or what it needs is not beside it "
            f"({reason(error)}): give another file"
        ) from error
    return whole
