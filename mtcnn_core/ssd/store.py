"""SSD models in the models folder, where they are found by their names."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from mtcnn_core.settings.models import CASCADE, is_name
from mtcnn_core.ssd.files import ModelFiles
from mtcnn_core.weights.errors import ModelError
from mtcnn_core.weights.folder import models_dir, unwritable
from mtcnn_core.weights.names import ORIGINAL


def keep_model(model: ModelFiles, name: str, *, replace: bool = False) -> Path:
    """Copies a model into the models folder.

    Args:
        model: What was read of it.
        name: The name it gets.
        replace: Whether it may take the place of another model of that name.

    Returns:
        The ``.xml`` or ``.onnx`` that was written.

    Raises:
        ModelError: The name is taken or not possible, or the folder cannot be written.
    """
    if not is_name(name) or name in ("", ".", "..", CASCADE, ORIGINAL):
        raise ModelError(f"a model cannot be called '{name}': give another --name")
    folder = models_dir() / name
    if folder.exists() and not replace:
        raise ModelError(f"there is a model '{name}' already: give another --name, or --replace")
    try:
        return _write(model, folder)
    except OSError as error:
        raise ModelError(unwritable(folder, error)) from error


def _write(model: ModelFiles, folder: Path) -> Path:
    file = f"{folder.name}{model.path.suffix}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".importing-"))
    try:
        (building / file).write_bytes(model.graph)
        if model.is_ir:
            (building / file).with_suffix(".bin").write_bytes(model.weights)
        building.chmod(0o755)  # mkdtemp lets nobody else in
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(building, folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return folder / file
