"""The per-user folder of imported models."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_data_dir

ENVIRONMENT_VARIABLE = "MTCNN_RAY_MODELS"


def models_dir() -> Path:
    """Returns the folder that holds a folder for each imported model; it may not exist yet.

    ``MTCNN_RAY_MODELS`` overrides the platform's per-user data folder.
    """
    override = os.environ.get(ENVIRONMENT_VARIABLE)
    if override:
        return Path(override).expanduser()
    return Path(user_data_dir("mtcnn-ray")) / "models"
