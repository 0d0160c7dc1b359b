"""SSD models in the models folder, where they are found by their names."""

from __future__ import annotations

from pathlib import Path

from mtcnn_core.settings.models import CASCADE, is_name
from mtcnn_core.ssd.files import ModelFiles
from mtcnn_core.weights.errors import ModelError
from mtcnn_core.weights.folder import keep_folder
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
        mtcnn_core.weights.errors.WeightsError: The name is taken or not possible, or the folder
            cannot be written.
    """
    if not is_name(name) or name in ("", ".", "..", CASCADE, ORIGINAL):
        raise ModelError(f"a model cannot be called '{name}': give another --name")
    file = f"{name}{model.path.suffix}"

    def write(folder: Path) -> None:
        (folder / file).write_bytes(model.graph)
        if model.is_ir:
            (folder / file).with_suffix(".bin").write_bytes(model.weights)

    return keep_folder(name, write, replace=replace) / file
