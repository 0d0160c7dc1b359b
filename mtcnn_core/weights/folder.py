"""The per-user folder of imported models."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from platformdirs import user_data_dir

from mtcnn_core.weights.errors import WeightsError

ENVIRONMENT_VARIABLE = "MTCNN_RAY_MODELS"


def models_dir() -> Path:
    """Returns the folder that holds a folder for each imported model; it may not exist yet.

    ``MTCNN_RAY_MODELS`` overrides the platform's per-user data folder.

    Raises:
        WeightsError: The user has no home.
    """
    override = os.environ.get(ENVIRONMENT_VARIABLE)
    if override:
        return Path(os.path.expanduser(override))
    folder = _home_folder()
    if folder is None:
        raise WeightsError(
            f"there is no home folder to keep models in: set HOME, or {ENVIRONMENT_VARIABLE} to a "
            "folder that you can write"
        )
    return folder / "models"


def model_folders() -> list[Path]:
    """Returns the folders of the imported models, by name; none where there is no home."""
    if _home_folder() is None and not os.environ.get(ENVIRONMENT_VARIABLE):
        return []
    folder = models_dir()
    return sorted(folder.iterdir()) if folder.is_dir() else []


def keep_folder(name: str, write: Callable[[Path], None], *, replace: bool = False) -> Path:
    """Makes the folder of a model, which appears whole.

    Args:
        name: The model's name, which the caller has found possible.
        write: Puts the model's files into a folder.
        replace: Whether the folder may take the place of another model's.

    Returns:
        The folder.

    Raises:
        WeightsError: The name is taken, or the folder cannot be written.
    """
    folder = models_dir() / name
    if folder.exists() and not replace:
        raise WeightsError(f"there is a model '{name}' already: give another --name, or --replace")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".importing-"))
        try:
            write(building)
            building.chmod(0o755)  # mkdtemp lets nobody else in
            if folder.exists():
                shutil.rmtree(folder)
            os.replace(building, folder)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    except OSError as error:
        raise WeightsError(_unwritable(folder, error)) from error
    return folder


def _unwritable(folder: Path, error: OSError) -> str:
    reason = (error.strerror or type(error).__name__).lower()
    return (
        f"cannot write the model folder '{folder}' ({reason}): set {ENVIRONMENT_VARIABLE} to a "
        "folder that you can write"
    )


def _home_folder() -> Path | None:
    try:
        folder = Path(user_data_dir("mtcnn-ray"))
    except RuntimeError:  # platformdirs, of a user that is not known, and no HOME
        return None
    return folder if folder.is_absolute() else None  # earlier versions leave the ~ in it
