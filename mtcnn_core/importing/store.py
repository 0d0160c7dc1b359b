"""Imported weights: a folder a model, with the arrays and where they come from."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mtcnn_core.importing.recognise import Recognised
from mtcnn_core.weights.arrays import Weights
from mtcnn_core.weights.errors import WeightsError
from mtcnn_core.weights.folder import keep_folder, model_folders
from mtcnn_core.weights.load import ARRAYS, arrays_file, load_weights, stored
from mtcnn_core.weights.names import NAME, ORIGINAL

_RECORD = "model.json"


@dataclass(frozen=True)
class Model:
    """What is noted of imported weights.

    Attributes:
        name: Name under which they were imported.
        digests: Network -> digest.
        sources: File -> its SHA-256.
        layouts: Network -> how the arrays were laid out in those files.
        check: What the weights find in the check photo.
        imported: Date, ISO 8601.
    """

    name: str
    digests: Mapping[str, str]
    sources: Mapping[str, str] = field(default_factory=dict)
    layouts: Mapping[str, str] = field(default_factory=dict)
    check: str = ""
    imported: str = ""


def save(name: str, found: Recognised, *, replace: bool = False) -> Model:
    """Keeps weights under a name.

    Args:
        name: Letters, digits, dots, dashes, underscores.
        found: The weights, which passed the check.
        replace: Whether they may take the place of others of this name.

    Returns:
        What is noted of them.

    Raises:
        WeightsError: The name is taken or not possible, or the folder cannot be written.
    """
    check_name(name)
    model = Model(
        name,
        dict(found.weights.digests),
        {str(file.absolute()): _sha256(file) for file in found.sources},
        dict(found.layouts),
        str(found.outcome),
        datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    )
    keep_folder(name, lambda folder: _write(folder, model, found.weights), replace=replace)
    return model


def check_name(name: str) -> None:
    """Raises a `WeightsError` if weights cannot be called that."""
    if not NAME.fullmatch(name) or name == ORIGINAL:
        raise WeightsError(
            f"a model cannot be called '{name}': use letters, digits, dots, dashes, underscores"
        )


def _write(folder: Path, model: Model, weights: Weights) -> None:
    (folder / ARRAYS).write_bytes(stored(weights))
    (folder / _RECORD).write_text(json.dumps(asdict(model), indent=1) + "\n", encoding="utf-8")


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def models() -> list[Model]:
    """Returns the imported models, by name.

    Raises:
        WeightsError: What is noted of one of them is damaged.
    """
    folders = [folder for folder in model_folders() if not folder.name.startswith(".")]
    return [_record(folder / _RECORD) for folder in folders if (folder / _RECORD).exists()]


def model(name: str) -> Model:
    """Returns what is noted of the original weights or an imported model.

    Raises:
        WeightsError: There is no such model.
    """
    weights = load_weights(name)
    file = None if name == ORIGINAL else arrays_file(name).with_name(_RECORD)
    if file is None or not file.is_file():
        return Model(name, dict(weights.digests))
    found = _record(file)
    if found.digests != weights.digests:
        raise WeightsError(f"the model '{name}' is damaged: import it again with --replace")
    return found


def _record(file: Path) -> Model:
    try:
        values: Any = json.loads(file.read_text(encoding="utf-8"))
        return Model(**values)
    except (OSError, ValueError, TypeError) as error:
        raise WeightsError(
            f"'{file}' is damaged: remove '{file.parent}', and import the model again"
        ) from error
