"""The cache of built graphs: hit, miss, damage, other processes."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from mtcnn_core.engines.graphs import graph_bytes
from mtcnn_core.weights import NETWORKS, PNET, Network
from mtcnn_core.weights.arrays import Weights
from mtcnn_core.weights.original import load_default


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("MTCNN_RAY_CACHE", str(folder))
    return folder


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _other_weights() -> Weights:
    default = load_default()
    bias = default["pnet"]["conv1.bias"] + np.float32(1)
    return Weights({**default.arrays, "pnet": {**default["pnet"], "conv1.bias": bias}})


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_a_miss_builds_a_valid_graph_and_keeps_it(network: Network, cache: Path) -> None:
    data = graph_bytes(network, load_default())
    onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
    assert len(_files(cache)) == 1


def test_a_hit_returns_the_same_bytes_and_writes_nothing(cache: Path) -> None:
    built = graph_bytes(PNET, load_default())
    before = [(path, path.stat().st_mtime_ns, path.stat().st_ino) for path in _files(cache)]
    assert graph_bytes(PNET, load_default()) == built
    assert [(p, p.stat().st_mtime_ns, p.stat().st_ino) for p in _files(cache)] == before


def test_a_hit_in_another_process_does_without_onnx(cache: Path) -> None:
    code = """
import sys
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.cascade.detector import FaceDetector
FaceDetector(DetectorSettings(engine="onnxruntime"))
print(sorted({"onnx", "tensorflow", "ray", "pyarrow", "fsspec", "jobs"} & set(sys.modules)))
"""
    assert _python(code) == "['onnx']"
    assert _python(code) == "[]"


def test_other_weights_are_another_file(cache: Path) -> None:
    default = graph_bytes(PNET, load_default())
    other = graph_bytes(PNET, _other_weights())
    assert other != default
    assert len(_files(cache)) == 2
    assert graph_bytes(PNET, load_default()) == default
    assert graph_bytes(PNET, _other_weights()) == other


def test_another_centre_is_another_file(cache: Path) -> None:
    default = graph_bytes(PNET, load_default())
    centred = graph_bytes(PNET, load_default(), centre=128)
    assert centred != default
    assert len(_files(cache)) == 2
    assert graph_bytes(PNET, load_default()) == default


def test_the_networks_are_different_files(cache: Path) -> None:
    assert len({graph_bytes(network, load_default()) for network in NETWORKS}) == 3
    assert len(_files(cache)) == 3


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"not a graph",
        lambda data: data[: len(data) // 2],
        lambda data: data[:-1],
        lambda data: data[1:],
        lambda data: data[: len(data) // 2] + bytes(100) + data[len(data) // 2 + 100 :],
        lambda data: bytes(len(data)),
    ],
    ids=["empty", "text", "half", "end missing", "start missing", "hole", "zeros"],
)
def test_a_damaged_file_is_rebuilt(damage: Callable[[bytes], bytes], cache: Path) -> None:
    built = graph_bytes(PNET, load_default())
    (path,) = _files(cache)
    good = path.read_bytes()
    path.write_bytes(damage(good))
    assert graph_bytes(PNET, load_default()) == built
    assert path.read_bytes() == good


def test_no_flipped_bit_gets_through(cache: Path) -> None:
    built = graph_bytes(PNET, load_default())
    (path,) = _files(cache)
    good = path.read_bytes()
    # All of the file's frame, and of its payload a sample.
    frame = [*range(60), *range(len(good) - 120, len(good))]
    for position in [*frame, *range(60, len(good) - 120, 500)]:
        for bit in range(8):
            data = bytearray(good)
            data[position] ^= 1 << bit
            path.write_bytes(data)
            assert graph_bytes(PNET, load_default()) == built, (position, bit)


def test_a_cache_that_cannot_be_written_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    built = graph_bytes(PNET, load_default())
    file = tmp_path / "file"
    file.write_text("a file where a folder should be")
    monkeypatch.setenv("MTCNN_RAY_CACHE", str(file / "below"))
    assert graph_bytes(PNET, load_default()) == built
    assert file.read_text() == "a file where a folder should be"


def test_a_folder_in_the_place_of_the_file_is_done_without(cache: Path) -> None:
    built = graph_bytes(PNET, load_default())
    (path,) = _files(cache)
    path.unlink()
    path.mkdir()
    assert graph_bytes(PNET, load_default()) == built
    assert _files(cache) == []


def test_processes_that_build_at_once(cache: Path) -> None:
    code = """
import hashlib, sys
from mtcnn_core.engines import networks
from mtcnn_core.engines.graphs import graph_bytes
from mtcnn_core.weights import NETWORKS
from mtcnn_core.weights.original import load_default
weights = load_default()
print("ready", flush=True)
sys.stdin.readline()
for network in NETWORKS:
    print(hashlib.sha256(graph_bytes(network, weights)).hexdigest(), flush=True)
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate()[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    assert len(_files(cache)) == 3
    expected = [
        hashlib.sha256(graph_bytes(network, load_default())).hexdigest() for network in NETWORKS
    ]
    assert outputs == [expected] * 4


def _python(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    return result.stdout.strip()
