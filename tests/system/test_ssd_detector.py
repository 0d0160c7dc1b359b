"""A job with an SSD model as its detector: the same promises hold."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mtcnn_core.weights.folder import ENVIRONMENT_VARIABLE
from tests.command import mtcnn_ray
from tests.mtcnn_core.ssd.models import END, write_onnx
from tests.system.conftest import SHARDS
from tests.system.outputs import Finished, committed, digests, rows
from tests.system.processes import is_unfinished, kill_all, running, wait_until_half_done


@pytest.fixture(scope="session")
def zoo(data_dir: Path) -> Path:
    """The folder with the files of face-detection-0204."""
    pytest.importorskip("openvino", reason="needs mtcnn-ray[openvino]")
    return data_dir / "models" / "openvino"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, photos: Path, zoo: Path) -> Finished:
    """The photos, run to their end by one worker."""
    output = tmp_path_factory.mktemp("ssd") / "out"
    model = zoo / "face-detection-0204"
    command = ("extract", photos, output, "--detector", model, "--workers", 1, *SHARDS)
    return Finished(output, mtcnn_ray(*command))


def test_the_demo_runs(zoo: Path, tmp_path: Path) -> None:
    pytest.importorskip("skimage")
    output = tmp_path / "out"
    model = zoo / "face-detection-0204" / "face-detection-0204.xml"
    done = mtcnn_ray("extract", "demo:", output, "--detector", model, "--workers", 2)
    assert done.returncode == 0, done.stderr
    assert _models(output)
    status = {row["key"]: row["status"] for row in rows(output, "images")}
    assert {found for key, found in status.items() if key.startswith("faces/")} == {"ok"}
    assert {row["key"] for row in rows(output, "faces") if row["score"] > 0.9} == {
        key for key, found in status.items() if key.startswith("faces/")
    }
    assert mtcnn_ray("verify", output).returncode == 0


def test_the_files_say_which_models_made_them(undisturbed: Finished) -> None:
    assert undisturbed.done.returncode == 0, undisturbed.done.stderr
    models = _models(undisturbed.output)
    for part in undisturbed.output.glob("*/part-*.parquet"):
        metadata = pq.read_schema(part).metadata
        assert json.loads(metadata[b"mtcnn_ray.model_digests"]) == models


def _models(output: Path) -> dict[str, str]:
    job = json.loads((output / "_job" / "job.json").read_text(encoding="utf-8"))
    models: dict[str, str] = job["models"]
    assert set(models) == {"ssd", "onet"}
    return models


def test_killed_and_resumed_by_name_it_is_the_same_bytes(
    undisturbed: Finished, photos: Path, zoo: Path, tmp_path: Path
) -> None:
    # Another number of workers, a kill, and the model found in another way.
    output = tmp_path / "out"
    model = zoo / "face-detection-0204" / "face-detection-0204.xml"
    command = ("extract", photos, output, "--workers", 2, *SHARDS, "--detector")
    with running(*command, model) as process:
        wait_until_half_done(output, process)
        kill_all(process)
    assert is_unfinished(output), "it was killed too late to prove anything"
    resumed = mtcnn_ray(*command, "face-detection-0204", env={ENVIRONMENT_VARIABLE: str(zoo)})
    assert resumed.returncode == 0, resumed.stderr
    assert digests(output) == digests(undisturbed.output)
    assert len(committed(output)) == 11
    assert mtcnn_ray("verify", output).returncode == 0


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A model that finds the same face in every photo."""
    (tmp_path / "here").mkdir()
    return write_onnx(tmp_path / "here" / "small.onnx")


def test_retry_takes_the_stored_model_or_the_same_from_elsewhere(
    small: Path, photos: Path, tmp_path: Path
) -> None:
    folder, output = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    manifest = folder / "all.csv"
    manifest.write_text("uri\n0.jpg\n1.jpg\n", encoding="utf-8")
    shutil.copy(photos / "plain" / "0.jpg", folder)
    tolerant = ("--workers", 1, "--set", "run.max_failed_fraction=1")
    done = mtcnn_ray("extract", manifest, output, "--detector", small, *tolerant)
    assert done.returncode == 0, done.stderr
    assert [row["status"] for row in rows(output, "images")] == ["ok", "unreadable"]

    shutil.copy(photos / "plain" / "1.jpg", folder)
    moved = small.rename(tmp_path / "small.onnx")
    done = mtcnn_ray("retry", output, *tolerant)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"there is no model at '{small}'" in done.stderr
    done = mtcnn_ray("retry", output, "--detector", moved, *tolerant)
    assert done.returncode == 0, done.stderr
    assert [row["status"] for row in rows(output, "images")] == ["ok", "ok"]
    assert len(rows(output, "faces")) == 2
    assert mtcnn_ray("verify", output).returncode == 0


def test_another_model_of_the_same_name_is_another_job(small: Path, tmp_path: Path) -> None:
    run = ("plan", "demo:", tmp_path / "out", "--detector", small)
    assert mtcnn_ray(*run).returncode == 0
    write_onnx(small, [END])
    again = mtcnn_ray(*run)
    assert (again.returncode, again.stdout) == (2, "")
    assert len(again.stderr.splitlines()) == 1
    assert "was made with another config: models.ssd (was " in again.stderr


def test_one_photo_now(small: Path, photos: Path) -> None:
    found = mtcnn_ray("detect", photos / "plain" / "0.jpg", "--detector", small)
    assert found.returncode == 0, found.stderr
    assert len(json.loads(found.stdout)["faces"]) == 1


def test_bench_times_it(small: Path, photos: Path) -> None:
    found = mtcnn_ray("bench", photos / "plain", "--photos", 2, "--detector", small, "--json")
    assert found.returncode == 0, found.stderr
    stages = json.loads(found.stdout)["worker"]["stages"]
    assert stages["ssd"]["mean_ms"] > 0
    assert stages["pnet"]["mean_ms"] == 0


@pytest.mark.parametrize(
    ("detector", "sentence"),
    [
        ("nonsense", "mtcnn-ray: there is no detector 'nonsense': get its .xml and .bin from "),
        ("./none.xml", "mtcnn-ray: there is no model at '"),
        (__file__ + "/../__init__.py", "mtcnn-ray: there is no model at '"),
    ],
)
def test_what_is_no_model_is_refused_in_one_sentence(
    detector: str, sentence: str, tmp_path: Path
) -> None:
    done = mtcnn_ray("extract", "demo:", tmp_path / "out", "--detector", detector)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(sentence)
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()
