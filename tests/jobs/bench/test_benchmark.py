"""The command `bench`: what it prints, refuses and leaves behind."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from jobs.bench.benchmark import benchmark
from jobs.bench.stages import stages
from jobs.extract.config import load_config
from jobs.extract.times import OTHER, STAGES
from tests.command import SCRIPT, environment, mtcnn_ray

_SPREAD = {"median_ms": float, "min_ms": float, "max_ms": float, "mean_ms": float}
_SCHEMA: dict[str, Any] = {
    "version": int,
    "machine": {
        "cpu": str,
        "cores": int,
        "cores_of_the_machine": int,
        "memory_bytes": int,
        "system": str,
        "python": str,
        "packages": dict,
        "date": str,
    },
    "input": str,
    "listed": int,
    "config": dict,
    "worker": {
        "photos": int,
        "left_out": dict,
        "faces": int,
        "photos_per_s": float,
        "faces_per_s": float,
        "stages": {stage: {**_SPREAD, "share": float} for stage in (*STAGES, OTHER)},
        "total": _SPREAD,
    },
    "against": list,
    "scaling": [
        {
            "workers": int,
            "photos": int,
            "shards": int,
            "seconds": float,
            "start_seconds": float,
            "work_seconds": float,
            "loop_seconds": float,
            "busy": float,
            "cpu": float,
            "photos_per_s": float,
            "working_photos_per_s": float,
            "loop_photos_per_s": float,
            "ratio": float,
            "working_ratio": float,
        }
    ],
}


def _shape(value: Any, like: Any) -> Any:
    """A value's keys and types, as deep as `like` has them."""
    if isinstance(like, dict):
        return {key: _shape(each, like.get(key)) for key, each in value.items()}
    if isinstance(like, list):
        return [_shape(each, like[0]) for each in value]
    return type(value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three photos in it."""
    for name in "abc":
        Image.effect_noise((90, 70), 50).save(tmp_path / f"{name}.png")
    return tmp_path


def test_json_has_the_documented_shape(folder: Path) -> None:
    done = mtcnn_ray("bench", folder, "--photos", "2", "--scaling", "1", "--json")
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout)
    assert _shape(values, _SCHEMA) == _SCHEMA
    assert (values["listed"], values["worker"]["photos"]) == (3, 2)
    assert values["scaling"][0]["photos"] == 3


def test_settings_are_used_and_told(folder: Path) -> None:
    config = load_config(None, {"detect.min_face": 80.0})  # larger than the photos
    found = benchmark(str(folder), config)
    assert found.as_json()["config"]["detect"]["min_face"] == 80
    assert stages(found.worker)["pnet"].longest == 0
    assert stages(found.worker)["read"].shortest > 0


def test_a_table_is_what_people_get(folder: Path) -> None:
    done = mtcnn_ray("bench", folder, "--photos", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "P-Net" in done.stdout
    assert "photos/s" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["{}/nothing"], "no file or folder", id="no photos"),
        pytest.param(["{}/empty"], "no files in", id="empty folder"),
        pytest.param(["{}/notes.txt"], "none of the photos can be decoded", id="no photo"),
        pytest.param(["{}", "--photos", "0"], "--photos", id="none asked for"),
        pytest.param(["{}", "--scaling", "1,x"], "--scaling takes numbers", id="bad workers"),
        pytest.param(["{}", "--against", "dlib"], "--against takes", id="bad rival"),
        pytest.param(["{}", "--set", "detect.min_fase=2"], "min_face", id="bad key"),
    ],
)
def test_wrong_usage_is_one_sentence(folder: Path, arguments: list[str], says: str) -> None:
    (folder / "empty").mkdir()
    (folder / "notes.txt").write_text("not a photo")
    done = mtcnn_ray("bench", *(each.replace("{}", str(folder)) for each in arguments))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("mtcnn-ray: ")
    assert done.stderr.count("\n") == 1
    assert says in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing_behind(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, number: signal.Signals
) -> None:
    temporary = tmp_path_factory.mktemp("temporary")
    for i in range(2000):
        (folder / f"{i}.png").symlink_to(folder / "a.png")
    bench = subprocess.Popen(
        [SCRIPT, "bench", folder, "--photos", "100000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment({"TMPDIR": str(temporary)}),
        start_new_session=True,
    )
    while bench.poll() is None and not list(temporary.glob("mtcnn-ray-bench-*/faces/*")):
        time.sleep(0.01)
    bench.send_signal(number)
    bench.communicate()
    assert bench.returncode == 130
    assert list(temporary.glob("mtcnn-ray-*")) == []  # other packages leave files there too
