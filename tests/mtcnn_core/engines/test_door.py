"""One file and one line make an engine; nothing outside their folder knows engines by name."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import mtcnn_core
from mtcnn_core.engines.registry import ENGINES
from mtcnn_core.settings.detector import DetectorSettings

CORE = Path(mtcnn_core.__file__).parent
ROOT = CORE.parent

# The networks as ONNX's own reference implementation computes them.
ENGINE = """
from mtcnn_core.engines.engine import Engine
from mtcnn_core.engines.onnxruntime import DEVICES


class Reference(Engine):
    name = "reference"
    devices = ("cpu",)
    packages = ("onnx",)
    install = "pip install onnx"

    def problem(self):
        return None

    def device(self, name, precision):
        runtimes = {
            network: replace(runtime, engine=self.name)
            for network, runtime in DEVICES["cpu"].runtimes.items()
        }
        return replace(DEVICES["cpu"], runtimes=runtimes)

    def start(self, network, weights, runtime):
        return Evaluated(graph_bytes(network, weights))


class Evaluated:
    def __init__(self, graph):
        self._evaluator = ReferenceEvaluator(graph)

    def run(self, images):
        return self._evaluator.run(["heads"], {"image": images})[0]
"""
IMPORTS = """
from dataclasses import replace

from onnx.reference import ReferenceEvaluator

from mtcnn_core.engines.graphs import graph_bytes
"""
CODE = """
import skimage.data
from pydantic import ValidationError
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.detectors import make_detector
from jobs.bench.rivals import RIVALS
from jobs.cli.flags import FLAGS
from jobs.extract.kind import EXTRACT

try:
    DetectorSettings(engine="reference", device="cuda")
except ValidationError as error:
    print("engine reference needs device cpu, not cuda" in str(error))
try:
    DetectorSettings(engine="another")
except ValidationError as error:
    print("'openvino' or 'reference'" in str(error))
print("reference" in RIVALS, "reference" in FLAGS["engine"].help, "onnx" in EXTRACT.packages)
photo = skimage.data.astronaut()[40:200, 140:300]
faces, expected = (
    make_detector(DetectorSettings(engine=engine, min_face=60)).detect(photo)
    for engine in ("reference", "onnxruntime")
)
print(len(faces) == len(expected) == 1, abs(faces.boxes - expected.boxes).max() < 0.01)
"""


def test_an_engine_is_one_file_and_one_line(tmp_path: Path) -> None:
    shutil.copytree(CORE, tmp_path / "mtcnn_core", ignore=shutil.ignore_patterns("__pycache__"))
    engines = tmp_path / "mtcnn_core" / "engines"
    (engines / "reference.py").write_text(IMPORTS + ENGINE)
    registry = (engines / "registry.py").read_text()
    line = "    OpenVino(),\n"
    assert registry.count(line) == 1
    registry = registry.replace(line, f"{line}    Reference(),\n")
    head = "from mtcnn_core.engines.openvino import OpenVino\n"
    assert registry.count(head) == 1
    registry = registry.replace(head, f"{head}from mtcnn_core.engines.reference import Reference\n")
    (engines / "registry.py").write_text(registry)
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == {"True"}, done.stdout


def _files() -> Iterator[tuple[str, ast.Module]]:
    for file in sorted([*CORE.rglob("*.py"), *(ROOT / "jobs").rglob("*.py")]):
        name = str(file.relative_to(ROOT))
        if not name.startswith("mtcnn_core/engines/"):
            yield name, ast.parse(file.read_text(encoding="utf-8"))


def test_no_other_file_knows_an_engine_by_name() -> None:
    names = {engine.name for engine in ENGINES} | {"bf16", "bf16-all"}
    found = [
        f"{file}:{node.lineno}: {node.value!r}"
        for file, tree in _files()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value in names
    ]
    assert not found, "\n".join(found)


def test_no_other_file_imports_an_engine() -> None:
    # It computes networks with weights of which it is not known yet whether they are any.
    allowed = {"mtcnn_core/importing/probe.py"}
    engines = {f"mtcnn_core.engines.{engine.name}" for engine in ENGINES}
    libraries = {"onnxruntime", "openvino"}
    found = {
        file
        for file, tree in _files()
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        and {getattr(node, "module", None), *(alias.name for alias in node.names)}
        & (engines | libraries)
    }
    assert found == allowed


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_an_entry_says_what_it_takes(engine: object) -> None:
    for device in engine.devices:  # type: ignore[attr-defined]
        for precision in engine.precisions:  # type: ignore[attr-defined]
            name = engine.name  # type: ignore[attr-defined]
            settings = DetectorSettings(engine=name, device=device, precision=precision)
            assert (settings.engine, settings.device) == (name, device)
            runtimes = engine.device(device, precision).runtimes  # type: ignore[attr-defined]
            assert set(runtimes) == {"pnet", "rnet", "onet"}
            assert name in {runtime.engine for runtime in runtimes.values()}
