"""The checks that run before and after a commit name programs, files and tests that are there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import LONG, NEED_RAY, TESTS, WITHOUT_RAY_VARIABLE

ROOT = TESTS.parent
CHECK = ROOT / ".ci" / "check"
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
HOOKS = ROOT / ".pre-commit-config.yaml"


def _loaded(file: Path) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found


def test_the_workflow_runs_programs_of_the_project() -> None:
    [job] = _loaded(WORKFLOW)["jobs"].values()
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands == [".ci/run"]
    assert all(os.access(ROOT / command, os.X_OK) for command in commands)


def test_the_workflow_runs_on_the_pythons_that_the_readme_names() -> None:
    workflow = _loaded(WORKFLOW)
    oldest, newest = workflow["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert f"With Python {oldest} to {newest}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_workflow_may_only_read_and_an_older_run_gives_way() -> None:
    workflow = _loaded(WORKFLOW)
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["cancel-in-progress"] is True
    # YAML 1.1 reads the word `on` as true.
    assert set(workflow[True]) == {"push", "pull_request"}


def test_hooks_are_programs_of_the_environment() -> None:
    [repository] = _loaded(HOOKS)["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        assert {"id", "name", "entry", "language"} <= hook.keys()
        assert hook["language"] == "system"
        program = hook["entry"].split()[0]
        assert shutil.which(program, path=os.path.dirname(sys.executable)), program


def test_the_quick_check_can_be_run() -> None:
    assert os.access(CHECK, os.X_OK)
    subprocess.run(["bash", "-n", CHECK], check=True)


@pytest.mark.parametrize("place", NEED_RAY)
def test_what_needs_ray_is_there(place: str) -> None:
    path, _, test = place.partition("::")
    assert (TESTS / path).exists()
    assert f"def {test}" in ((TESTS / path).read_text(encoding="utf-8") if test else "def ")


@pytest.mark.parametrize("name", LONG)
def test_what_takes_long_is_there(name: str) -> None:
    files = TESTS.rglob("test_*.py")
    assert any(f"def {name}(" in file.read_text(encoding="utf-8") for file in files)


@pytest.mark.parametrize(
    "starts",
    [
        "import ray; ray.init(num_cpus=1)",
        "from tests.command import mtcnn_ray; mtcnn_ray('--help')",
        "import subprocess; subprocess.run('ray start --head', shell=True)",
    ],
)
def test_ray_is_refused_in_the_quick_check(starts: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import tests.conftest; {starts}"],
        cwd=ROOT,
        env={**os.environ, WITHOUT_RAY_VARIABLE: "1", "RAY_ADDRESS": "local"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "name it in NEED_RAY in tests/conftest.py" in done.stderr
