"""Weights in every format and any layout are those they were written from."""

from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest

from mtcnn_core.importing.check import Outcome
from mtcnn_core.importing.recognise import proven, recognise
from mtcnn_core.weights import NETWORKS, Network, WeightsError
from mtcnn_core.weights.errors import UnprovenError
from mtcnn_core.weights.original import load_default
from tests.mtcnn_core.importing.graph_writers import write_onnx
from tests.mtcnn_core.importing.layouts import laid_out, perturbed
from tests.mtcnn_core.importing.pickle_writers import write_list_npy
from tests.mtcnn_core.importing.writers import EXACT, HALF, caffe, write_caffe


@pytest.mark.parametrize("form", EXACT)
def test_a_format_gives_the_same_weights(form: str, tmp_path: Path) -> None:
    EXACT[form](tmp_path)
    found = proven([tmp_path])
    assert found.weights.digests == load_default().digests
    assert found.outcome.box_error < 0.01
    assert found.outcome.landmark_error < 0.01


@pytest.mark.parametrize("form", HALF)
def test_half_precision_gives_the_same_face(form: str, tmp_path: Path) -> None:
    HALF[form](tmp_path)
    found = proven([tmp_path])
    assert found.weights.digests != load_default().digests
    assert found.outcome.box_error < 0.1
    assert found.outcome.landmark_error < 0.1


def test_files_may_come_in_any_order_and_from_different_places(tmp_path: Path) -> None:
    for name, write in (("a", write_onnx), ("b", write_caffe)):
        (tmp_path / name).mkdir()
        write(tmp_path / name)
    files = [
        tmp_path / "b" / "det3.caffemodel",
        tmp_path / "a" / "pnet.onnx",
        tmp_path / "b" / "det2.caffemodel",
    ]
    assert proven(files).weights.digests == load_default().digests


def test_other_files_in_a_folder_do_no_harm(tmp_path: Path) -> None:
    write_caffe(tmp_path)
    (tmp_path / "notes.txt").write_text("not weights")
    (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY broken")
    np.save(tmp_path / "other.npy", np.zeros((7, 5), np.float32))
    (tmp_path / "folder.npy").mkdir()
    assert proven([tmp_path]).weights.digests == load_default().digests


def test_other_arrays_in_a_file_do_no_harm(tmp_path: Path) -> None:
    write_list_npy(tmp_path)
    rng = np.random.default_rng(1)
    np.savez(tmp_path / "more.npz", a=rng.random((10, 32)), b=rng.random(10), c=np.arange(9))
    assert proven([tmp_path]).weights.digests == load_default().digests


def test_the_same_weights_twice_are_no_contradiction(tmp_path: Path) -> None:
    write_caffe(tmp_path)
    second = tmp_path / "copy.caffemodel"
    second.write_bytes((tmp_path / "det2.caffemodel").read_bytes())
    assert proven([tmp_path]).weights.digests == load_default().digests


def test_two_models_at_once_are_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    write_caffe(tmp_path)
    (tmp_path / "other").mkdir()
    write_list_npy(tmp_path / "other", perturbed(rng, 0.01))
    with pytest.raises(WeightsError, match="could be pnet's conv1: give the files of one model"):
        recognise([tmp_path, tmp_path / "other"])


def test_a_missing_network_is_named(tmp_path: Path) -> None:
    write_caffe(tmp_path)
    with pytest.raises(WeightsError, match="there is no rnet in these files"):
        recognise([tmp_path / "det1.caffemodel", tmp_path / "det3.caffemodel"])


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_an_untrained_network_is_refused(
    network: Network, tmp_path: Path, rng: np.random.Generator
) -> None:
    write_caffe(tmp_path)
    number = NETWORKS.index(network) + 1
    layers = laid_out(network)
    random = {
        name: [rng.standard_normal(a.shape).astype(np.float32) * a.std() for a in parts]
        for name, parts in layers.items()
    }
    (tmp_path / f"det{number}.caffemodel").write_bytes(caffe(random))
    with pytest.raises(WeightsError, match=r"in no order of their axes|fail the check"):
        proven([tmp_path])


def test_weights_with_which_the_cascade_fails_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_caffe(tmp_path)
    monkeypatch.setattr("mtcnn_core.importing.check.check", lambda _: Outcome(0))
    with pytest.raises(UnprovenError, match="fail the check, so they are not taken: no face"):
        proven([tmp_path])


def test_weights_that_were_trained_on_are_taken(tmp_path: Path) -> None:
    weights = perturbed(np.random.default_rng(3), 0.03)
    write_list_npy(tmp_path, weights)
    found = proven([tmp_path])
    assert found.weights.digests == weights.digests


def test_the_authors_own_files(data_dir: Path) -> None:
    files = data_dir / "models" / "caffe"
    if not files.is_dir():
        pytest.skip(f"no models: {files} is missing")
    found = proven([files])
    assert found.weights.digests == load_default().digests
    assert len(found.sources) == 3


def test_the_wheels_own_files() -> None:
    folder = Path(str(distribution("mtcnn").locate_file("mtcnn/assets/weights")))
    assert proven([folder]).weights.digests == load_default().digests
