"""A job with YuNet or SCRFD as its detector: the same promises hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mtcnn_core.weights.folder import ENVIRONMENT_VARIABLE
from tests.command import mtcnn_ray, start
from tests.mtcnn_core.dense.models import Form, write_dense
from tests.system.conftest import SHARDS
from tests.system.outputs import Finished, digests
from tests.system.processes import is_unfinished, kill_all, wait_until_half_done

_DETECT = ("--longest-side", "320", "--set", "detect.dense.threshold=0.3")


@pytest.fixture(scope="module", params=["yunet", pytest.param("scrfd", marks=pytest.mark.slow)])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random network of the form of one family."""
    folder = tmp_path_factory.mktemp("model")
    anchors = 2 if request.param == "scrfd" else 1
    return write_dense(folder / "model.onnx", Form(request.param, anchors=anchors))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, photos: Path, model: Path) -> Finished:
    output = tmp_path_factory.mktemp("dense") / "out"
    words = ("extract", photos, output, "--detector", model, "--workers", 1, *_DETECT, *SHARDS)
    return Finished(output, mtcnn_ray(*words))


def test_two_workers_and_a_killed_driver_change_no_byte(
    undisturbed: Finished, photos: Path, model: Path, tmp_path: Path
) -> None:
    assert undisturbed.done.returncode == 0, undisturbed.done.stderr
    output = tmp_path / "out"
    words = ("extract", photos, output, "--detector", model, "--workers", 2, *_DETECT, *SHARDS)
    process = start(*words)
    wait_until_half_done(output, process)
    kill_all(process)
    assert is_unfinished(output)

    done = mtcnn_ray(*words)

    assert done.returncode == 0, done.stderr
    assert digests(output) == digests(undisturbed.output)
    assert mtcnn_ray("verify", output).returncode == 0


def test_another_model_is_refused_and_the_same_may_be_moved(
    undisturbed: Finished, photos: Path, model: Path, tmp_path: Path
) -> None:
    other = write_dense(tmp_path / "model.onnx", Form(seed=7))
    words = ("extract", photos, undisturbed.output, *_DETECT, *SHARDS, "--workers", 1)

    refused = mtcnn_ray(*words, "--detector", other)

    assert refused.returncode == 2
    assert "models" in refused.stderr
    moved = tmp_path / "elsewhere" / "model.onnx"
    moved.parent.mkdir()
    moved.write_bytes(model.read_bytes())
    assert mtcnn_ray(*words, "--detector", moved).returncode == 0


def test_it_is_kept_under_a_name(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "models"))

    done = mtcnn_ray("models", "import", model, "--name", "mine")

    assert done.returncode == 0, done.stderr
    [found] = [
        each
        for each in json.loads(mtcnn_ray("models", "list", "--json").stdout)
        if each["name"] == "mine"
    ]
    assert found["detector"]
    assert mtcnn_ray("models", "import", model, "--name", "mine").returncode == 2
