"""The house rules: formatted, linted, typed, and imports that only go downwards."""

from __future__ import annotations

import ast
import importlib.metadata
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# The floors, bottom first; a module belongs to the longest of these names that its own begins with.
_FLOORS = {
    "mtcnn_core": 0,
    "jobs.messages": 0,
    "jobs.members": 0,
    "jobs.keys": 0,
    "jobs.storage": 0,
    "jobs.engine": 0,
    "jobs.tables": 0,
    "jobs.layers": 0,
    "jobs.config": 1,  # its sections are the settings of the floors below, and of the sources
    "jobs.sources": 1,
    "jobs": 3,  # the jobs themselves
    "jobs.report": 3,
    "jobs.cli": 4,
}
# Modules in a package -> what they must not import, whatever its floor.
_FORBIDDEN = {
    "mtcnn_core": ("ray", "fsspec", "pyarrow", "jobs"),
    "jobs.engine": (
        "mtcnn_core",
        "jobs.cli",
        "jobs.config",
        "jobs.detect",
        "jobs.extract",
        "jobs.layers",
        "jobs.report",
        "jobs.sources",
        "jobs.tables",
        "cv2",
        "PIL",
        "onnxruntime",
    ),
    "jobs.tables": ("mtcnn_core", "jobs"),
    "jobs.storage": (
        "mtcnn_core",
        "jobs.config",
        "jobs.engine",
        "jobs.keys",
        "jobs.members",
        "jobs.sources",
        "pyarrow",
        "ray",
    ),
    "jobs.sources": ("jobs.config", "jobs.engine", "ray"),
    "jobs.extract": ("ray",),
    "jobs.cli": ("ray", "pyarrow"),
}


def _modules() -> Iterator[tuple[str, Path]]:
    for package in ("mtcnn_core", "jobs"):
        for file in sorted((ROOT / package).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), file


def _imports(name: str, file: Path) -> Iterator[tuple[str, int]]:
    """Every module that a file imports, anywhere in it, with the line."""
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*above, node.module or ""]) if node.level else node.module or ""
            # `from jobs import tables` imports jobs.tables.
            for alias in node.names:
                whole = f"{base.rstrip('.')}.{alias.name}"
                yield whole if whole in _NAMES else base, node.lineno


_NAMES = {name for name, _ in _modules()}


def _below(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def _floor(name: str) -> int | None:
    packages = [package for package in _FLOORS if _below(name, package)]
    return _FLOORS[max(packages, key=len)] if packages else None


def _all_imports() -> Iterator[tuple[str, str, str]]:
    """Importing module, imported module, and where."""
    for name, file in _modules():
        for imported, line in _imports(name, file):
            yield name, imported, f"{file.relative_to(ROOT)}:{line}"


def test_nothing_is_imported_upwards() -> None:
    wrong = [
        f"{where}: {name} (floor {_floor(name)}) imports {imported} (floor {floor})"
        for name, imported, where in _all_imports()
        if (floor := _floor(imported)) is not None and floor > (_floor(name) or 0)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("package", _FORBIDDEN)
def test_a_package_does_not_know_its_neighbours(package: str) -> None:
    wrong = [
        f"{where}: {package} must not import {imported}"
        for name, imported, where in _all_imports()
        if _below(name, package)
        and any(_below(imported, other) for other in _FORBIDDEN[package])
        and not _below(imported, package)
    ]
    assert not wrong, "\n".join(wrong)


def test_jobs_do_not_import_each_other() -> None:
    jobs = {"jobs.extract", "jobs.detect"}
    wrong = [
        f"{where}: {name} imports {imported}"
        for name, imported, where in _all_imports()
        if name in jobs and imported in jobs - {name}
    ]
    assert not wrong, "\n".join(wrong)


def test_the_core_is_imported_without_ray_and_arrow() -> None:
    code = (
        "import mtcnn_core, sys\n"
        "mtcnn_core.FaceDetector, mtcnn_core.align, mtcnn_core.decode\n"
        "print(*sorted({'ray', 'fsspec', 'pyarrow', 'jobs', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["ruff", "format", "--check", "--diff", "."], id="ruff format"),
        pytest.param(["ruff", "check", "."], id="ruff check"),
        pytest.param(["mypy"], id="mypy"),
    ],
)
def test_checker_is_content(arguments: list[str]) -> None:
    pytest.importorskip(arguments[0])
    if arguments == ["mypy"] and int(importlib.metadata.version("numpy").split(".")[0]) < 2:
        pytest.skip("types are checked against the annotations of current releases")
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
