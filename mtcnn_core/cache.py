"""The per-user cache folder: built graphs and demo photos."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_dir

ENVIRONMENT_VARIABLE = "MTCNN_RAY_CACHE"


def cache_dir() -> Path:
    """Returns the folder for files that can be rebuilt at any time; it may not exist yet.

    ``MTCNN_RAY_CACHE`` overrides the platform's per-user cache folder.
    """
    override = os.environ.get(ENVIRONMENT_VARIABLE)
    return Path(override).expanduser() if override else Path(user_cache_dir("mtcnn-ray"))
