"""The commands `models ...`: weights, detectors and embeddings, kept under a name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from jobs.messages.errors import UserError
from mtcnn_core.dense.recognise import is_dense
from mtcnn_core.dense.session import DenseSession
from mtcnn_core.embedding.embedder import EMBEDDING
from mtcnn_core.embedding.errors import UnfitModel
from mtcnn_core.embedding.record import RECORD, Record
from mtcnn_core.embedding.store import (
    DLIB_ENDING,
    TORCH_ENDINGS,
    embeddings,
    holds_inception,
    installed,
    keep_embedding,
)
from mtcnn_core.importing.check import Outcome, check
from mtcnn_core.importing.recognise import examine, proven, recognise
from mtcnn_core.importing.store import Model, check_name, model, models, save
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.settings.embedding import EmbeddingSettings
from mtcnn_core.settings.models import DENSE, IR, ONNX, SSD
from mtcnn_core.settings.ssd import SsdSettings
from mtcnn_core.ssd.files import read_model
from mtcnn_core.ssd.session import SsdSession
from mtcnn_core.ssd.store import keep_model
from mtcnn_core.weights import NETWORKS
from mtcnn_core.weights.arrays import Weights
from mtcnn_core.weights.errors import ModelError, WeightsError
from mtcnn_core.weights.folder import model_folders, models_dir
from mtcnn_core.weights.load import load_weights
from mtcnn_core.weights.names import ORIGINAL

# The settings that say how a model is fed.
_FEEDING = ("template", "margin", "size", "normalise", "mean", "scale", "colours", "layout")
_ORIGIN = "the mtcnn 1.0.0 wheel"


@dataclass(frozen=True)
class KnownModel:
    """A model, and what became of it.

    Attributes:
        model: What is noted of it.
        outcome: What its weights find in the check photo now; None if they cannot be read, and of
            a detector.
        error: Why they cannot be read.
        is_detector: Whether it is a model `--detector`, and no weights of the cascade.
        embedding: What is noted of a face recognition network, for `embed --model`.
    """

    model: Model
    outcome: Outcome | None = None
    error: str = ""
    is_detector: bool = False
    embedding: Record | None = None

    @property
    def origin(self) -> str:
        """The files it was imported from, in short."""
        if self.is_detector:
            return "a detector, for --detector"
        if self.embedding is not None:
            return about_embedding(self.embedding)
        if self.model.name == ORIGINAL:
            return _ORIGIN
        return ", ".join(Path(file).name for file in self.model.sources)


def import_model(
    sources: Sequence[Path],
    name: str | None,
    feeding: EmbeddingSettings | None = None,
    licence: str = "",
    *,
    replace: bool,
) -> KnownModel:
    """Reads weights, a detector or an embedding model from files, proves and keeps them.

    Args:
        sources: Files and folders; of a detector or an embedding model the one file.
        name: Name of the model; that of the first source by default.
        feeding: How an embedding model is fed, as far as the user says.
        licence: Under which an embedding model may be used.
        replace: Whether another model of this name gives way.

    Raises:
        WeightsError: The files are refused, or the name is taken.
        mtcnn_core.engines.errors.DeviceError: The model needs OpenVINO, which is not installed.
    """
    name = name or _name_of(sources[0])
    only = sources[0] if len(sources) == 1 else None
    if only is not None and only.suffix == DLIB_ENDING:
        return _import_embedding(only, name, feeding, licence, replace=replace)
    try:
        found = proven(sources)
    except WeightsError as error:
        if only is None or only.suffix not in (IR, ONNX, *TORCH_ENDINGS):
            raise
        return _import_other(only, name, feeding, licence, error, replace=replace)
    return KnownModel(save(name, found, replace=replace), found.outcome)


def check_free(name: str, *, replace: bool) -> None:
    """Finds out before hours of work whether weights can be kept under a name.

    Raises:
        WeightsError: They cannot, or it is taken.
    """
    check_name(name)
    if not replace and (models_dir() / name).exists():
        raise WeightsError(f"there is a model '{name}' already: give another --name, or --replace")


def _import_other(
    source: Path,
    name: str,
    feeding: EmbeddingSettings | None,
    licence: str,
    no_cascade: WeightsError,
    *,
    replace: bool,
) -> KnownModel:
    """A detector or an embedding model, from a file that does not hold the cascade's networks."""
    if source.suffix in TORCH_ENDINGS:
        if not holds_inception(source):
            raise no_cascade
        return _import_embedding(source, name, feeding, licence, replace=replace)
    files = read_model(str(source.absolute()))
    if is_dense(files):
        DenseSession(files, DetectorSettings())
        keep_model(files, name, replace=replace)
        return KnownModel(Model(name, {DENSE: files.digest}), is_detector=True)
    try:
        SsdSession(files, SsdSettings(), "cpu", "f32")
    except ModelError as no_detector:
        try:
            return _import_embedding(source, name, feeding, licence, replace=replace)
        except UnfitModel as error:
            raise WeightsError(
                f"{no_detector}; nor does it hold the cascade's three networks; and {error}"
            ) from error
    keep_model(files, name, replace=replace)
    return KnownModel(Model(name, {SSD: files.digest}), is_detector=True)


def _import_embedding(
    source: Path, name: str, feeding: EmbeddingSettings | None, licence: str, *, replace: bool
) -> KnownModel:
    settings = feeding or EmbeddingSettings()
    record = keep_embedding(source, name, settings, licence, replacing=replace)
    return _embedding(record)


def _embedding(record: Record) -> KnownModel:
    model = Model(record.name, {EMBEDDING: record.digest}, dict(record.sources))
    return KnownModel(model, embedding=record)


def about_embedding(record: Record) -> str:
    """What is known of an embedding model, in short."""
    feeding = record.feeding
    size = f"{feeding.size} px, " if feeding.size else ""
    template = f"template {feeding.template}, " if feeding.template else ""
    return (
        f"an embedding, for embed: {record.width} numbers, {size}{template}licence {record.licence}"
    )


def feeding_of(sets: Sequence[str]) -> EmbeddingSettings:
    """How an embedding model is fed, by what the command line says.

    Args:
        sets: Settings as ``key=value``.

    Raises:
        jobs.messages.errors.UserError: One is not possible.
    """
    values: dict[str, Any] = {}
    for each in sets:
        key, is_pair, value = each.partition("=")
        if not is_pair or key not in _FEEDING:
            raise UserError(f"--set takes {', '.join(_FEEDING)}, each with =VALUE, not '{each}'")
        values[key] = yaml.safe_load(value)
    try:
        return EmbeddingSettings(**values)
    except ValidationError as error:
        first = error.errors()[0]
        said = first["msg"].removeprefix("Value error, ")
        raise UserError(": ".join(["--set", *map(str, first["loc"][:1]), said])) from error


def _name_of(source: Path) -> str:
    path = source.absolute()
    stem = path.name if path.is_dir() else path.stem
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:64] or "model"


def entries() -> list[KnownModel]:
    """The original weights and all imported ones, checked anew; then detectors and embeddings.

    Raises:
        WeightsError: What is noted of one is damaged.
    """
    found = []
    for each in [Model(ORIGINAL, load_weights(ORIGINAL).digests), *models()]:
        try:
            found.append(KnownModel(model(each.name), check(load_weights(each.name))))
        except WeightsError as error:
            found.append(KnownModel(each, error=str(error)))
    return [*found, *_detectors(), *map(_embedding, [*installed(), *embeddings()])]


def _detectors() -> Iterator[KnownModel]:
    for folder in model_folders():
        if not (folder / RECORD).exists() and any(
            (folder / f"{folder.name}{ending}").is_file() for ending in (IR, ONNX)
        ):
            files = read_model(folder.name)
            kind = DENSE if is_dense(files) else SSD
            yield KnownModel(Model(folder.name, {kind: files.digest}), is_detector=True)


def embedding(name: str) -> Record | None:
    """What is noted of an embedding model; None if the name is not one's.

    Raises:
        WeightsError: What is noted is damaged.
    """
    return next((each for each in [*installed(), *embeddings()] if each.name == name), None)


def check_model(names: Sequence[str]) -> Outcome:
    """What weights find in the check photo.

    Args:
        names: One model, or files as for :func:`import_model`.

    Raises:
        WeightsError: They cannot be read.
        UnprovenError: They can be, but in no way that makes sense.
    """
    if len(names) == 1 and not Path(names[0]).exists():
        return examine(load_weights(names[0]))
    return recognise([Path(name) for name in names]).outcome


def layers(weights: Weights) -> Mapping[str, Mapping[str, Any]]:
    """Network -> its digest and the shapes of its arrays."""
    return {
        network.name: {
            "digest": weights.digests[network.name],
            "arrays": {name: list(array.shape) for name, array in weights[network.name].items()},
        }
        for network in NETWORKS
    }
