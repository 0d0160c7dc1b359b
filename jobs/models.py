"""The commands `models ...`: weights and detectors from anywhere, kept under a name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtcnn_core.importing.check import Outcome, check
from mtcnn_core.importing.recognise import examine, proven, recognise
from mtcnn_core.importing.store import Model, model, models, save
from mtcnn_core.settings.models import IR, ONNX, SSD
from mtcnn_core.settings.ssd import SsdSettings
from mtcnn_core.ssd.files import read_model
from mtcnn_core.ssd.session import SsdSession
from mtcnn_core.ssd.store import keep_model
from mtcnn_core.weights import NETWORKS
from mtcnn_core.weights.arrays import Weights
from mtcnn_core.weights.errors import ModelError, WeightsError
from mtcnn_core.weights.folder import model_folders
from mtcnn_core.weights.load import load_weights
from mtcnn_core.weights.names import ORIGINAL

_ORIGIN = "the mtcnn 1.0.0 wheel"


@dataclass(frozen=True)
class KnownModel:
    """A model, and what became of it.

    Attributes:
        model: What is noted of it.
        outcome: What its weights find in the check photo now; None if they cannot be read, and of
            a detector.
        error: Why they cannot be read.
        is_detector: Whether it is an SSD model, for `--detector`, and no weights of the cascade.
    """

    model: Model
    outcome: Outcome | None = None
    error: str = ""
    is_detector: bool = False

    @property
    def origin(self) -> str:
        """The files it was imported from, in short."""
        if self.is_detector:
            return "a detector, for --detector"
        if self.model.name == ORIGINAL:
            return _ORIGIN
        return ", ".join(Path(file).name for file in self.model.sources)


def import_model(sources: Sequence[Path], name: str | None, *, replace: bool) -> KnownModel:
    """Reads weights, or an SSD detector, from files, proves them and keeps them.

    Args:
        sources: Files and folders; of a detector its `.xml` or `.onnx`.
        name: Name of the model; that of the first source by default.
        replace: Whether another model of this name gives way.

    Raises:
        WeightsError: The files are refused, or the name is taken.
        mtcnn_core.engines.errors.DeviceError: The detector needs OpenVINO, which is not installed.
    """
    name = name or _name_of(sources[0])
    try:
        found = proven(sources)
    except WeightsError:
        if len(sources) > 1 or sources[0].suffix not in (IR, ONNX):
            raise
        return _import_detector(sources[0], name, replace=replace)
    return KnownModel(save(name, found, replace=replace), found.outcome)


def _import_detector(source: Path, name: str, *, replace: bool) -> KnownModel:
    files = read_model(str(source.absolute()))
    try:
        SsdSession(files, SsdSettings(), "cpu", "f32")
    except ModelError as error:
        raise WeightsError(f"{error}; nor does it hold the cascade's three networks") from error
    keep_model(files, name, replace=replace)
    return KnownModel(Model(name, {SSD: files.digest}), is_detector=True)


def _name_of(source: Path) -> str:
    path = source.absolute()
    stem = path.name if path.is_dir() else path.stem
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:64] or "model"


def entries() -> list[KnownModel]:
    """The original weights and all imported ones, checked anew; then the detectors.

    Raises:
        WeightsError: What is noted of one is damaged.
    """
    found = []
    for each in [Model(ORIGINAL, load_weights(ORIGINAL).digests), *models()]:
        try:
            found.append(KnownModel(model(each.name), check(load_weights(each.name))))
        except WeightsError as error:
            found.append(KnownModel(each, error=str(error)))
    return [*found, *_detectors()]


def _detectors() -> Iterator[KnownModel]:
    for folder in model_folders():
        if any((folder / f"{folder.name}{ending}").is_file() for ending in (IR, ONNX)):
            digest = read_model(folder.name).digest
            yield KnownModel(Model(folder.name, {SSD: digest}), is_detector=True)


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
