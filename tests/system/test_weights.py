"""A whole job with imported weights: recorded, resumed, tried again, and refused without them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from mtcnn_core.importing.check import photo
from tests.command import mtcnn_ray
from tests.mtcnn_core.importing.layouts import perturbed
from tests.mtcnn_core.importing.pickle_writers import write_list_npy
from tests.system.outputs import rows


def test_a_job_with_imported_weights(tmp_path: Path) -> None:
    weights = perturbed(np.random.default_rng(3), 0.03)
    for name in ("models", "photos"):
        (tmp_path / name).mkdir()
    write_list_npy(tmp_path, weights)
    Image.fromarray(photo()).save(tmp_path / "photos" / "a.png")
    (tmp_path / "photos" / "b.jpg").write_bytes(b"not a photo")
    env = {"MTCNN_RAY_MODELS": str(tmp_path / "models")}
    source, output = tmp_path / "photos", tmp_path / "out"
    tolerant = ("--set", "run.max_failed_fraction=1", "--workers", 1)

    done = mtcnn_ray("models", "import", tmp_path / "weights.npy", "--name", "mine", env=env)
    assert done.returncode == 0, done.stderr
    done = mtcnn_ray("extract", source, output, "--weights", "mine", *tolerant, env=env)
    assert done.returncode == 0, done.stderr
    assert [row["status"] for row in rows(output, "images")] == ["ok", "undecodable"]
    job = json.loads((output / "_job" / "job.json").read_text())
    assert job["models"] == dict(weights.digests)
    (part,) = (output / "faces").glob("part-*.parquet")
    assert weights.digests["onet"] in str(pq.ParquetFile(part).schema_arrow.metadata)
    assert "undecodable" in mtcnn_ray("status", output).stdout

    done = mtcnn_ray("extract", source, output, *tolerant, env=env)
    assert done.returncode == 2
    assert "detect.weights (was mine, is original)" in done.stderr

    before = rows(output, "faces")
    retry = ("retry", output, "--status", "undecodable", *tolerant)
    done = mtcnn_ray(*retry, env={"MTCNN_RAY_MODELS": str(tmp_path / "elsewhere")})
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "there are no weights 'mine'" in done.stderr
    done = mtcnn_ray(*retry, env=env)
    assert done.returncode == 0, done.stderr
    assert rows(output, "faces") == before
    assert [row["key"] for row in before] == ["a.png"]
    assert mtcnn_ray("verify", output).returncode == 0
