"""The models of the command line: names, entries, what is checked."""

import pickle
from dataclasses import replace
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
from PIL import Image

from jobs.extract.config import load_config
from jobs.extract.job import ExtractJob, open_job
from jobs.extract.kind import EXTRACT
from jobs.kind.continuing import begun
from jobs.messages.errors import UserError
from jobs.models import check_model, embedding, entries, feeding_of, import_model, layers
from mtcnn_core.embedding.embedder import Embedder
from mtcnn_core.embedding.errors import EmbeddingError
from mtcnn_core.embedding.files import read_model as read_embedding
from mtcnn_core.importing.layouts import Orientation
from mtcnn_core.importing.recognise import proven
from mtcnn_core.importing.store import save
from mtcnn_core.settings.embedding import EmbeddingSettings
from mtcnn_core.ssd.files import find_model
from mtcnn_core.weights import PNET, RNET, WeightsError
from mtcnn_core.weights.errors import UnprovenError
from mtcnn_core.weights.original import load_default
from tests.mtcnn_core.embedding.models import embedding_model
from tests.mtcnn_core.importing.graph_writers import torch_onnx
from tests.mtcnn_core.importing.layouts import laid_out, perturbed
from tests.mtcnn_core.importing.pickle_writers import write_list_npy
from tests.mtcnn_core.importing.writers import caffe, write_caffe


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MTCNN_RAY_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / ".Zhang's nets, 2016-"
    folder.mkdir()
    write_caffe(folder)
    return folder


def test_a_model_is_called_as_its_source(models: Path, source: Path) -> None:
    assert import_model([source], None, replace=False).model.name == "Zhang-s-nets-2016"
    files = [source / f"det{number}.caffemodel" for number in (2, 1, 3)]
    assert import_model(files, None, replace=False).model.name == "det2"
    assert import_model(files, "mine", replace=False).model.name == "mine"
    assert [each.model.name for each in entries() if each.model.name != "dlib"] == [
        "original",
        "Zhang-s-nets-2016",
        "det2",
        "mine",
    ]


def test_entries_are_checked_anew(models: Path, source: Path) -> None:
    import_model([source], "good", replace=False)
    import_model([source], "worse", replace=False)
    np.savez(models / "worse" / "weights.npz", a=np.ones(2))
    original, good, worse = (each for each in entries() if each.model.name != "dlib")
    assert original.origin == "the mtcnn 1.0.0 wheel"
    assert good.origin == "det1.caffemodel, det2.caffemodel, det3.caffemodel"
    assert original.outcome and original.outcome.passed
    assert good.outcome and good.outcome.passed
    assert worse.outcome is None
    assert "is damaged" in worse.error


def test_models_and_files_are_checked(models: Path, source: Path) -> None:
    import_model([source], "mine", replace=False)
    for names in (["mine"], ["original"], [str(source)]):
        assert check_model(names).passed
    with pytest.raises(WeightsError, match="there are no weights 'nothing'"):
        check_model(["nothing"])


def test_weights_that_find_nothing_are_not_kept(
    models: Path, source: Path, rng: np.random.Generator
) -> None:
    network_layers = laid_out(RNET, Orientation("oiwh", "cwh"))
    for parts in network_layers.values():
        rng.shuffle(parts[0].reshape(-1))
    (source / "det2.caffemodel").write_bytes(caffe(network_layers))
    with pytest.raises(UnprovenError):
        import_model([source], "mine", replace=False)
    assert not models.exists()


def test_a_detector_is_kept_too(models: Path, data_dir: Path) -> None:
    pytest.importorskip("openvino")
    file = data_dir / "models" / "openvino" / "face-detection-0204" / "face-detection-0204.xml"
    if not file.is_file():
        pytest.skip(f"no model: {file} is missing")
    kept = import_model([file], None, replace=False)
    assert kept.is_detector
    assert find_model("face-detection-0204").parent == models / "face-detection-0204"
    assert [each.is_detector for each in entries()][:2] == [False, True]
    assert entries()[1].model == kept.model


def test_a_graph_of_something_else_is_no_detector(models: Path, tmp_path: Path) -> None:
    (tmp_path / "pnet.onnx").write_bytes(torch_onnx(laid_out(PNET)).SerializeToString())
    with pytest.raises(WeightsError, match=r"cannot be the detector: .*; nor does it hold"):
        import_model([tmp_path / "pnet.onnx"], None, replace=False)
    assert not models.exists()


def test_an_embedding_is_kept_with_what_is_said_of_it(models: Path, tmp_path: Path) -> None:
    file = embedding_model(tmp_path / "faces.onnx", 112)
    feeding = feeding_of(["template=margin", "colours=bgr", "normalise=own", "mean=1", "scale=2"])
    kept = import_model([file], None, feeding, "mine", replace=False)
    assert "48 numbers, 112 px, template margin, licence mine" in kept.origin
    record = embedding("faces")
    assert record == kept.embedding
    about = Embedder(EmbeddingSettings(model="faces")).model
    assert (about.template, about.colours, about.mean, about.scale) == ("margin", "bgr", 1, 2)
    assert (about.licence, about.digest) == ("mine", kept.model.digests["embedding"])


def test_what_is_not_said_of_an_embedding_is_asked_for(models: Path, tmp_path: Path) -> None:
    import_model([embedding_model(tmp_path / "faces.onnx", 112)], None, replace=False)
    with pytest.raises(EmbeddingError, match=r"'faces' is not a known one.*set template .*colours"):
        Embedder(EmbeddingSettings(model="faces"))


def test_an_embedding_whose_files_were_exchanged_is_refused(models: Path, tmp_path: Path) -> None:
    import_model([embedding_model(tmp_path / "faces.onnx", 112)], None, replace=False)
    embedding_model(models / "faces" / "faces.onnx", 56)
    with pytest.raises(EmbeddingError, match=r"'faces' is damaged .*: import it again"):
        read_embedding("faces")


@pytest.mark.parametrize(
    ("sets", "says"),
    [
        (["colour=rgb"], "--set takes template, "),
        (["normalise"], "not 'normalise'"),
        (["template=face"], "--set: template: "),
        (["normalise=own"], "needs mean and scale"),
    ],
)
def test_feeding_that_is_not_possible_is_one_sentence(sets: list[str], says: str) -> None:
    with pytest.raises(UserError, match=says):
        feeding_of(sets)


def test_layers_are_told_with_their_shapes() -> None:
    found = layers(load_default())
    assert list(found) == ["pnet", "rnet", "onet"]
    assert found["pnet"]["arrays"]["conv1.weight"] == [10, 3, 3, 3]
    assert found["onet"]["digest"] == load_default().digests["onet"]


def test_a_job_takes_imported_weights_along(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    """A worker on another machine has no models folder."""
    weights = perturbed(rng, 0.01)
    write_list_npy(tmp_path, weights)
    save("mine", replace(proven([tmp_path / "weights.npy"]), weights=weights))
    Image.new("RGB", (50, 50)).save(tmp_path / "a.png")
    config = load_config(None, {"detect.weights": "mine"})
    opened = open_job(str(tmp_path / "a.png"), begun(EXTRACT, config))
    job = opened.job
    assert isinstance(job, ExtractJob)
    data = cloudpickle.dumps(job)
    monkeypatch.setenv("MTCNN_RAY_MODELS", str(tmp_path / "elsewhere"))
    assert opened.models == dict(weights.digests)
    pickle.loads(data).start()
    # As it is without them, and as light as before.
    with pytest.raises(WeightsError, match="there are no weights 'mine'"):
        replace(job, weights=None).start()
    plain = open_job(str(tmp_path / "a.png"), begun(EXTRACT, load_config(None))).job
    assert isinstance(plain, ExtractJob)
    assert plain.weights is None
    assert len(cloudpickle.dumps(plain)) < 10_000
