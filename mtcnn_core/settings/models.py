"""How the model that detects faces is named: "mtcnn", or the name or path of an SSD model."""

from __future__ import annotations

import os
from pathlib import Path

# The detector that is no SSD model.
CASCADE = "mtcnn"
# What an SSD model is called among the models that take part.
SSD = "ssd"
# And what YuNet and SCRFD are called there.
DENSE = "detector"
# How the files of SSD models end: OpenVINO's intermediate representation, and ONNX.
IR, ONNX = ".xml", ".onnx"
ENDINGS = (IR, ONNX)


def is_name(name: str) -> bool:
    """Tells the name of a model from a path."""
    path = Path(name)
    return path.name == name and path.suffix not in ENDINGS and not name.startswith("~")


def by_place(name: str) -> str:
    """Returns a name as it is and a path from the root, so that it means the same everywhere."""
    return name if is_name(name) else str(Path(os.path.expanduser(name)).absolute())


def name_of(detector: str) -> str:
    """Returns the name of a model, of which the path may be given."""
    path = Path(detector)
    return path.stem if path.suffix in ENDINGS else path.name
