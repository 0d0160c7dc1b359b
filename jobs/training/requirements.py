"""What a training needs that is not always installed."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType

from jobs.messages.errors import UserError

_MODULES = {"torch": "PyTorch", "matplotlib": "Matplotlib"}


def check_installed(device: str, also: Mapping[str, str] = MappingProxyType({})) -> None:
    """Finds out before anything is written whether a training can run here.

    Args:
        device: What it is to run on.
        also: Module -> package, of what only this training needs.

    Raises:
        UserError: A package is missing, or the device is.
    """
    for module, name in {**_MODULES, **also}.items():
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise UserError(
                f"training needs {name}, which is not installed: pip install 'mtcnn-ray[train]'"
            ) from error
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise UserError(
                "no CUDA device is found by PyTorch: install a build of it for CUDA, or set "
                "run.device to cpu"
            )
