"""What the README tells people to type does what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import skimage.data
from PIL import Image

from tests.command import mtcnn_ray
from tests.system.outputs import rows

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"


def _blocks(language: str, file: Path = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", file.read_text(), re.DOTALL)


def _run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        # Without an address Ray joins whatever cluster another test has just started.
        env={**os.environ, "RAY_ADDRESS": "local"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_dataset_is_read_as_shown(tmp_path: Path) -> None:
    output = tmp_path / "demo-faces"
    assert mtcnn_ray("extract", "demo:", output).returncode == 0
    kept = sum(face["kept"] for face in rows(output, "faces"))
    done = _run(_blocks("python")[0] + "\nprint(crops[0]['crop'].size, len(largest))", tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"(160, 160) {kept}" in done.stdout
    assert "undecodable" in done.stdout
    [committed] = _blocks("python", ROOT / "jobs" / "engine" / "README.md")
    done = _run(f"import duckdb, ray\n{committed}\nprint(faces.rows['faces'])", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(len(rows(output, "faces")))


def test_the_library_is_used_as_shown(tmp_path: Path) -> None:
    astronaut = skimage.data.astronaut()  # type: ignore[no-untyped-call]
    Image.fromarray(astronaut).save(tmp_path / "photo.jpg")
    done = _run(_blocks("python")[1] + "\nprint(len(faces), crops.shape, crops.dtype)", tmp_path)
    assert done.stdout.split("\n")[0].endswith("160, 160, 3) uint8"), done.stderr


def test_the_commands_set_up_and_run() -> None:
    first, second = (block.strip() for block in _blocks("bash")[:2])
    assert first.endswith(".venv/bin/mtcnn-ray extract demo: demo-faces")
    assert second.endswith(".venv/bin/python -m pytest")
