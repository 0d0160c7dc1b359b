"""The commands `models ...` as their users meet them."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mtcnn_core.importing.check import photo
from mtcnn_core.weights.original import load_default
from tests.command import mtcnn_ray
from tests.mtcnn_core.importing.layouts import perturbed
from tests.mtcnn_core.importing.pickle_writers import npy, write_list_npy
from tests.mtcnn_core.importing.writers import write_caffe


class _Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def _models(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return mtcnn_ray("models", *arguments, env={"MTCNN_RAY_MODELS": str(folder / "models")})


def _refused(done: subprocess.CompletedProcess[str], code: int = 2) -> str:
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert re.fullmatch(r"mtcnn-ray: [^\n]+\n", done.stderr), done.stderr
    return done.stderr


def test_a_model_from_import_to_export(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_caffe(tmp_path / "in")
    done = _models(tmp_path, "import", tmp_path / "in", "--name", "mine")
    assert (done.returncode, done.stderr) == (0, "")
    assert "box within 0.00 px, landmarks within 0.00 px" in done.stdout
    assert "kernels oiwh" in done.stdout

    done = _models(tmp_path, "list", "--json")
    names = {each["name"]: each["passed"] for each in json.loads(done.stdout)}
    names.pop("dlib", None)  # where the extra `embed` is installed
    assert names == {"original": True, "mine": True}
    assert "det3.caffemodel" in _models(tmp_path, "list").stdout

    done = _models(tmp_path, "show", "mine", "--json")
    values = json.loads(done.stdout)
    assert values["digests"] == dict(load_default().digests)
    assert values["networks"]["rnet"]["arrays"]["dense.weight"] == [128, 576]
    assert "10 x 3 x 3 x 3" in _models(tmp_path, "show", "mine").stdout

    done = _models(tmp_path, "check", "mine")
    assert (done.returncode, done.stdout[:3]) == (0, "ok:")

    done = _models(tmp_path, "export", "mine", tmp_path / "out")
    assert done.stdout.split() == [str(tmp_path / "out" / f"mtcnn-{n}.onnx") for n in "pro"]


def test_a_file_that_hides_code_is_one_sentence(tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    evil = tmp_path / "evil.npy"
    evil.write_bytes(npy({"conv1": _Evil(proof)}))
    assert "evil.npy hides code: posix.mkdir" in _refused(_models(tmp_path, "import", evil))
    assert not proof.exists()
    with pytest.raises(AttributeError):  # read by NumPy it does what it wants
        _ = np.load(evil, allow_pickle=True).item()["conv1"].nothing
    assert proof.exists()


def test_names_in_a_file_cannot_forge_lines(tmp_path: Path) -> None:
    evil = tmp_path / "evil.pkl"
    module = "a\x1b[31m\rmtcnn-ray: all is well\x85"
    evil.write_bytes(b"\x80\x04" + pickle.dumps(module, 4)[11:-2] + b"\x8c\x01b\x93.")
    sentence = _refused(_models(tmp_path, "import", evil))
    assert "\x1b" not in sentence
    assert "\r" not in sentence


def test_weights_that_are_wrong_exit_1(tmp_path: Path) -> None:
    weights = load_default()
    arrays = {name: dict(weights[name]) for name in ("pnet", "rnet", "onet")}
    for name, array in arrays["onet"].items():
        shuffled = np.random.default_rng(1).permutation(array.reshape(-1))
        arrays["onet"][name] = shuffled.reshape(array.shape)
    flat = {f"{net}.{key}": array for net, each in arrays.items() for key, array in each.items()}
    np.savez(tmp_path / "wrong.npz", **flat)  # type: ignore[arg-type]
    done = _models(tmp_path, "check", tmp_path / "wrong.npz")
    assert "fit onet by their shapes, but in no order" in _refused(done, 1)
    _refused(_models(tmp_path, "import", tmp_path / "wrong.npz"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["import", "{}/nothing.npy"], "no such file"),
        (["import", "{}"], "there is no file with weights"),
        (["import"], "SOURCE"),
        (["show", "nothing"], "there are no weights 'nothing'"),
        (["check", "nothing"], "there are no weights 'nothing'"),
        (["export", "original", "{}/out", "--format", "tflite"], "there is no format 'tflite'"),
        (["remove"], "remove"),
    ],
)
def test_wrong_usage_is_one_sentence(tmp_path: Path, arguments: list[str], says: str) -> None:
    whole = [each.replace("{}", str(tmp_path)) for each in arguments]
    assert says in _refused(_models(tmp_path, *whole))


def test_a_photo_with_imported_weights(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_list_npy(tmp_path / "in", perturbed(np.random.default_rng(3), 0.03))
    assert _models(tmp_path, "import", tmp_path / "in", "--name", "mine").returncode == 0
    Image.fromarray(photo()).save(tmp_path / "face.png")
    env = {"MTCNN_RAY_MODELS": str(tmp_path / "models")}
    place = f"detect.weights={tmp_path}/models/mine"
    found = [
        json.loads(mtcnn_ray("detect", tmp_path / "face.png", *options, env=env).stdout)["faces"]
        for options in ([], ["--weights", "mine"], ["--set", place])
    ]
    assert [len(faces) for faces in found] == [1, 1, 1]
    assert found[0] != found[1] == found[2]
    done = mtcnn_ray("detect", tmp_path / "face.png", "--weights", "nothing", env=env)
    assert "there are no weights 'nothing'" in _refused(done)
