"""Modules of the user's own, with names of ours or of others, lie where Python looks first."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from ray.cluster_utils import Cluster

from tests.command import SCRIPT, environment
from tests.system.outputs import Finished, rows

_LIMIT_S = 240  # a hang, not a slow machine
_MODULE = "open(__file__ + '.imported', 'w').close()\nraise SystemExit('imported by mistake')\n"
# Imported before anything of ours, by Python itself (`.pth` files) and by the installed script.
_TOO_EARLY = frozenset({"mtcnn_ray", "_distutils_hack"})


def _is_spread(name: str) -> bool:
    """Whether a package lies in several folders: a module of its name hides it wherever that is."""
    spec = importlib.util.find_spec(name)
    return spec is not None and spec.origin is None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder in which all that is installed, and `jobs` twice, has a namesake."""
    folder = tmp_path / "mine"
    (folder / "jobs").mkdir(parents=True)
    (folder / "jobs" / "__init__.py").write_text(_MODULE)
    installed = {"jobs", "mtcnn_core", *importlib.metadata.packages_distributions()}
    for name in installed - _TOO_EARLY:
        if name.isidentifier() and not _is_spread(name):
            (folder / f"{name}.py").write_text(_MODULE)
    return folder


@pytest.fixture
def standard(folder: Path) -> Path:
    """The same, with namesakes of all that comes with Python."""
    for name in {*sys.stdlib_module_names, *_TOO_EARLY, "google", "opentelemetry"}:
        (folder / f"{name}.py").write_text(_MODULE)
    return folder


def imported(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.imported"))


def extract(
    folder: Path, output: Path, *arguments: object, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The demo by one worker, with a working folder."""
    return subprocess.run(
        [SCRIPT, "extract", "demo:", output, *map(str, arguments)],
        cwd=folder,
        env=environment(env),
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
        check=False,
    )


def test_in_the_working_folder(standard: Path, tmp_path: Path, demo_job: Finished) -> None:
    done = extract(standard, tmp_path / "out", "--workers", 1)
    assert (done.returncode, imported(standard)) == (0, []), done.stderr
    assert rows(tmp_path / "out", "images") == rows(demo_job.output, "images")


def test_on_pythonpath(folder: Path, tmp_path: Path, demo_job: Finished) -> None:
    env = {"PYTHONPATH": str(folder)}
    done = extract(tmp_path, tmp_path / "out", "--workers", 1, env=env)
    assert (done.returncode, imported(folder)) == (0, []), done.stderr
    assert rows(tmp_path / "out", "images") == rows(demo_job.output, "images")


def test_by_the_name_of_the_module(folder: Path) -> None:
    command = [sys.executable, "-m", "mtcnn_ray", "models", "list"]
    env = environment()
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, imported(folder)) == (0, []), done.stderr


@pytest.mark.slow
def test_in_a_cluster(standard: Path, tmp_path: Path, demo_job: Finished) -> None:
    node = {"num_cpus": 1, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    try:
        done = extract(standard, tmp_path / "out", "--ray-address", cluster.address)
    finally:
        cluster.shutdown()
    assert (done.returncode, imported(standard)) == (0, []), done.stderr
    assert rows(tmp_path / "out", "images") == rows(demo_job.output, "images")
