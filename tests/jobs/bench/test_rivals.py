"""The packages to compare with."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from jobs.bench.rivals import RIVALS, load_rival
from jobs.messages.errors import UserError
from jobs.sources.demo import demo_folder
from mtcnn_core.engines.errors import DeviceError
from mtcnn_core.images.photo import decode
from mtcnn_core.settings.detector import DetectorSettings

_MODULES = {
    "mtcnn": ["tensorflow", "mtcnn"],
    "facenet-pytorch": ["torch", "torchvision", "facenet_pytorch"],
}
_ENGINES = ["llvm", "onnxruntime", "openvino"]


def _installed(name: str) -> bool:
    return all(importlib.util.find_spec(module) for module in _MODULES[name])


def test_a_package_nobody_knows() -> None:
    with pytest.raises(UserError, match=r"takes mtcnn, facenet-pytorch, .*, not 'retinaface'"):
        load_rival("retinaface", DetectorSettings())


@pytest.mark.parametrize("name", _MODULES)
def test_a_package_that_is_not_installed_says_how_to_get_it(name: str) -> None:
    if _installed(name):
        pytest.skip(f"{name} is installed")
    with pytest.raises(UserError) as caught:
        load_rival(name, DetectorSettings())
    assert str(caught.value).startswith(f"--against {name} cannot be imported (")
    assert str(caught.value).endswith(RIVALS[name].install)


@pytest.mark.parametrize("name", _MODULES)
def test_settings_reach_it(name: str, cache_folder: Path) -> None:
    pytest.importorskip("skimage")
    if not _installed(name):
        pytest.skip(f"{name} is not installed")
    _check(name)


@pytest.mark.parametrize("name", _ENGINES)
def test_settings_reach_the_other_engine(name: str, cache_folder: Path) -> None:
    pytest.importorskip("skimage")
    _check(name)


def test_an_engine_in_bfloat16_is_compared_or_refused(cache_folder: Path) -> None:
    pytest.importorskip("skimage")
    try:
        _check("openvino-bf16")
    except DeviceError as error:
        assert "does not compute in bfloat16" in str(error)


def _check(name: str) -> None:
    image = decode((demo_folder() / "faces" / "astronaut.jpg").read_bytes())
    assert load_rival(name, DetectorSettings(min_face=40))(image) == 1
    assert load_rival(name, DetectorSettings(min_face=300))(image) == 0
