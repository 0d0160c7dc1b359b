from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CODE = "from mtcnn_core import FaceDetector; FaceDetector()"


def test_onnxruntime_tells_nobody_that_it_is_used(tmp_path: Path) -> None:
    variables = {name: value for name, value in os.environ.items() if "TELEMETRY" not in name}
    variables["TMPDIR"] = str(tmp_path)
    subprocess.run([sys.executable, "-c", CODE], env=variables, check=True)
    # With its reports on it leaves an identifier there.
    assert list(tmp_path.iterdir()) == []
