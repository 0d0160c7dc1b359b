"""The installed command, run as its users run it: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

SCRIPT = Path(sys.executable).with_name("mtcnn-ray")
_LIMIT_S = 240  # a hang, not a slow machine


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's variables, without those that would change what the command does."""
    kept = {name: value for name, value in os.environ.items() if name not in {"RAY_ADDRESS"}}
    return {**kept, **(extra or {})}


def mtcnn_ray(
    *arguments: object, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs the command to its end."""
    return subprocess.run(
        [SCRIPT, *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=_LIMIT_S,
        env=environment(env),
        check=False,
    )


def start(*arguments: object) -> subprocess.Popen[str]:
    """Starts the command in a process group of its own, as a shell does."""
    return subprocess.Popen(
        [SCRIPT, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=environment(),
        start_new_session=True,
    )


def blocking(module: str, folder: Path) -> Mapping[str, str]:
    """Variables for a Python in which a package is as if it were not installed."""
    (folder / "sitecustomize.py").write_text(
        "import sys\n"
        "class Blocker:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] == {module!r}:\n"
        f"            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)\n"
        "sys.meta_path.insert(0, Blocker())\n"
    )
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
