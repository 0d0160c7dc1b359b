"""What is imported with what: settings and errors are light."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import mtcnn_core

ROOT = Path(mtcnn_core.__file__).parent
HEAVY = ["cv2", "PIL", "llvmlite", "onnxruntime", "onnx", "openvino", "scipy", "matplotlib", "lz4"]


def _loaded(code: str, *names: str) -> list[str]:
    """Which of some packages are there after some code has run in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = done.stdout.splitlines()[-1].split()
    return [
        each
        for each in loaded
        if any(each == name or each.startswith(f"{name}.") for name in names)
    ]


@pytest.mark.parametrize(
    "code",
    [
        "from mtcnn_core.settings.detector import DetectorSettings; DetectorSettings()",
        "from mtcnn_core.settings.crops import CropSettings; CropSettings()",
        "from mtcnn_core.settings.images import ImageLimits; ImageLimits()",
        "from mtcnn_core import CropSettings, DetectorSettings, ImageError, ImageLimits, PRESETS",
        "from mtcnn_core.weights.errors import ModelError, UnprovenError, WeightsError",
        "from mtcnn_core.weights import WeightsError",
        "from mtcnn_core.engines.errors import DeviceError",
        "from mtcnn_core.images.errors import ImageError",
        "from jobs.extract.config import Config; Config().digest()",
    ],
)
def test_settings_and_errors_are_read_without_what_computes(code: str) -> None:
    assert _loaded(code, *(set(HEAVY) - ({"lz4"} if "jobs" in code else set()))) == []


def test_names_of_engines_and_errors_are_had_without_numpy() -> None:
    code = """
from mtcnn_core.engines.errors import DeviceError
from mtcnn_core.engines.registry import ENGINE_NAMES
from mtcnn_core.images.errors import ImageError
from mtcnn_core.weights import WeightsError
"""
    assert _loaded(code, "numpy", "pydantic", *HEAVY) == []


def test_importing_the_package_imports_nothing_of_it() -> None:
    assert _loaded("import mtcnn_core", "mtcnn_core") == ["mtcnn_core"]


@pytest.mark.parametrize("name", mtcnn_core.__all__)
def test_a_public_name_is_there(name: str) -> None:
    assert name in dir(mtcnn_core)
    assert getattr(mtcnn_core, name) is not None


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="module 'mtcnn_core' has no attribute 'nothing'"):
        mtcnn_core.nothing  # noqa: B018
