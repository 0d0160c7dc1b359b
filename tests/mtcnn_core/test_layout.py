"""The rooms of the core: imports go down only, and settings and errors are light to import."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import mtcnn_core

ROOT = Path(mtcnn_core.__file__).parent
# Room -> its floor, the bottom one first; a room imports only what lies below it.
FLOORS = {
    "cache": 1,
    "faces": 1,
    "stopwatch": 1,
    "weights": 1,
    "evaluation": 2,
    "kernels": 2,
    "engines": 3,
    "embedding": 4,
    "settings": 4,
    "cascade": 5,
    "crops": 5,
    "images": 5,
    "importing": 6,
    "pictures": 6,
    "ssd": 6,
    "detectors": 7,
    "__init__": 7,
}
HEAVY = ["cv2", "PIL", "llvmlite", "onnxruntime", "onnx", "openvino", "scipy", "matplotlib", "lz4"]


def _arrows() -> Iterator[tuple[str, str, str]]:
    """Importing room, imported room, and where; what is imported within functions as well."""
    for file in sorted(ROOT.rglob("*.py")):
        room = file.relative_to(ROOT).with_suffix("").parts[0]
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            else:
                continue
            for name in names:
                package, *parts = name.split(".")
                if package == "mtcnn_core":
                    yield room, parts[0], f"{file.relative_to(ROOT)}:{node.lineno}"


def test_every_room_has_a_floor() -> None:
    rooms = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert rooms - {"__pycache__"} == FLOORS.keys()


def test_rooms_import_only_what_lies_below() -> None:
    wrong = [
        f"{where}: {room} (floor {FLOORS[room]}) imports {other} (floor {FLOORS[other]})"
        for room, other, where in _arrows()
        if room != other and FLOORS[other] >= FLOORS[room]
    ]
    assert not wrong, "\n".join(wrong)


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
        "import jobs.config; jobs.config.Config().digest()",
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
