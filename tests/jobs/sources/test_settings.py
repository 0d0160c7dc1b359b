"""The settings of an input are known to every command, also to those that read none."""

import subprocess
import sys

HEAVY = {"PIL", "cv2", "fsspec", "mtcnn_core", "numpy", "onnxruntime", "pyarrow", "ray", "tenacity"}


def test_they_are_imported_without_what_reading_needs() -> None:
    code = "import jobs.sources.settings, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert HEAVY & set(done.stdout.split()) == set()
