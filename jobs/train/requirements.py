"""What a training needs that is not always installed."""

from __future__ import annotations

import importlib

from jobs.messages.errors import UserError

_MODULES = {
    "torch": "PyTorch",
    "torchdata": "torchdata",
    "pytorch_metric_learning": "pytorch-metric-learning",
    "matplotlib": "Matplotlib",
}


def check_installed(device: str) -> None:
    """Finds out before anything is written whether a training can run here.

    Raises:
        UserError: A package is missing, or the device is.
    """
    for module, name in _MODULES.items():
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
