"""Exported networks: Open Model Zoo's names and layouts, equal outputs in other runtimes."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from mtcnn_core.cascade.sessions import CropSession, ProposalSession
from mtcnn_core.engines.engine import Device
from mtcnn_core.engines.registry import find_device
from mtcnn_core.importing.export import export_onnx
from mtcnn_core.importing.files import read_file
from mtcnn_core.importing.recognise import recognise
from mtcnn_core.stopwatch import Stopwatch
from mtcnn_core.weights import NETWORKS, ONET, PNET, Network, WeightsError
from mtcnn_core.weights.original import load_default
from tests.mtcnn_core.importing.layouts import perturbed

_OUTPUTS = {
    "pnet": {"prob1": 2, "conv4-2": 4},
    "rnet": {"prob1": 2, "conv5-2": 4},
    "onet": {"prob1": 2, "conv6-2": 4, "conv6-3": 10},
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    written = export_onnx(load_default(), tmp_path_factory.mktemp("exported") / "new" / "folder")
    assert [file.name for file in written] == ["mtcnn-p.onnx", "mtcnn-r.onnx", "mtcnn-o.onnx"]
    return {network.name: file for network, file in zip(NETWORKS, written, strict=True)}


def _run_onnxruntime(file: Path, data: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    session = onnxruntime.InferenceSession(str(file))
    outputs = [output.name for output in session.get_outputs()]
    return dict(zip(outputs, session.run(None, {"data": data}), strict=True))


def _run_openvino(file: Path, data: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    openvino = pytest.importorskip("openvino")
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled: Any = openvino.Core().compile_model(str(file), "CPU", options)
    return {port.any_name: np.array(value) for port, value in compiled({"data": data}).items()}


_RUNTIMES = pytest.mark.parametrize("run", [_run_onnxruntime, _run_openvino])
_NETWORK = pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)


def _ours(network: Network, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Heads of the cascade's own graphs: face logit, offsets, landmarks."""
    device: Device = find_device("cpu", "onnxruntime", "f32")
    if network is not PNET:
        return CropSession(network, load_default(), device, Stopwatch())(
            len(images), lambda part: images[part]
        )
    session = ProposalSession(load_default(), device, Stopwatch())
    return np.stack([session(image.astype(np.uint8)) for image in images])


@_RUNTIMES
@_NETWORK
def test_outputs_are_those_of_our_graphs(
    run: Any, network: Network, files: dict[str, Path], rng: np.random.Generator
) -> None:
    sides = (37, 50) if network is PNET else (network.side, network.side)
    images = rng.integers(0, 256, (3, *sides, 3)).astype(np.float32)
    data = np.ascontiguousarray(((images - 127.5) / 128).transpose(0, 3, 2, 1))  # (n, c, w, h)
    found = run(files[network.name], data)
    assert {name: value.shape[1] for name, value in found.items()} == _OUTPUTS[network.name]
    heads = _ours(network, images)
    if network is PNET:
        found = {name: value.swapaxes(2, 3) for name, value in found.items()}
    face = 1 / (1 + np.exp(-heads[:, :1].astype(np.float64)))
    expected = np.concatenate([1 - face, face, heads[:, 1:]], axis=1)
    whole = np.concatenate([found[name] for name in _OUTPUTS[network.name]], axis=1)
    np.testing.assert_allclose(whole, expected, atol=1e-5)


@_NETWORK
def test_names_and_shapes_are_the_zoos(network: Network, files: dict[str, Path]) -> None:
    model = onnx.load(files[network.name])
    onnx.checker.check_model(model, full_check=True)
    (data,) = model.graph.input
    dims = [dim.dim_param or dim.dim_value for dim in data.type.tensor_type.shape.dim]
    sides = ["width", "height"] if network is PNET else [network.side] * 2
    assert (data.name, dims) == ("data", ["n", 3, *sides])
    assert [output.name for output in model.graph.output] == list(_OUTPUTS[network.name])
    assert "transposed" in model.doc_string


def test_exported_and_imported_again_they_are_equal(files: dict[str, Path]) -> None:
    assert recognise(list(files.values())).weights.digests == load_default().digests


def test_other_weights_are_exported_too(tmp_path: Path) -> None:
    weights = perturbed(np.random.default_rng(3), 0.03)
    export_onnx(weights, tmp_path)
    arrays = {"/".join(t.path[1:]): t.array for t in read_file(tmp_path / "mtcnn-o.onnx")}
    np.testing.assert_array_equal(arrays["conv6-3/weight"], weights[ONET.name]["landmarks.weight"])


def test_the_same_weights_give_the_same_bytes(files: dict[str, Path], tmp_path: Path) -> None:
    for file in export_onnx(load_default(), tmp_path):
        assert file.read_bytes() == (files["pnet"].parent / file.name).read_bytes()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match=r"cannot write to .*file': "):
        export_onnx(load_default(), tmp_path / "file")
