"""`train fit` from committed samples to weights, in this process."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.kind.loading import load
from jobs.messages.errors import Interrupted, UserError
from jobs.registry import sections_of_others, training_of
from jobs.training.summary import training_problems, training_status
from mtcnn_core.cascade.detector import FaceDetector
from mtcnn_core.weights import ONET, PNET, RNET
from mtcnn_core.weights.load import load_weights
from tests.jobs.samples.made import landmarks, photos, sampled
from tests.mtcnn_core.samples.photos import astronaut

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("matplotlib", reason="Matplotlib is not installed")

from jobs.fit.config import FitConfig, seconds_of  # noqa: E402
from jobs.fit.fitting import fit  # noqa: E402
from jobs.fit.loop import FittingLoop  # noqa: E402
from jobs.fit.summary import FitSummary  # noqa: E402
from mtcnn_core.importing.recognise import examine, proven  # noqa: E402


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, here: None) -> Path:
    folder = tmp_path_factory.mktemp("fit")
    images, truth = photos(folder, count=8), folder / "gt.jsonl"
    sampled(images, truth, folder / "r", samples__stage="r")
    sampled(images, truth, folder / "o", samples__stage="o", samples__landmark_own=0)
    points = FaceDetector().detect(astronaut()[:256, 60:316]).landmarks[0]
    sampled(images, landmarks(folder, points), folder / "points", samples__landmark_crops=12)
    return folder


def config(preset: str | None = None, **said: Any) -> FitConfig:
    small: dict[str, object] = {
        "fit.steps": 6,
        "fit.batch": 24,
        "fit.landmark_batch": 4,
        "fit.precision": "float32",
        "run.threads": 1,
        "run.checkpoint_every": 2,
        "run.log_every": 2,
        "run.try_every": 3,
        "input.held_out": 0.3,
    }
    flags = {**small, **{name.replace("__", "."): value for name, value in said.items()}}
    return load(FitConfig, preset, flags, others=sections_of_others(FitConfig))


@pytest.fixture(scope="module")
def fitted(made: Path) -> Path:
    output = made / "fitted"
    said = {"input__landmarks": str(made / "points")}
    fit(str(made / "o"), str(output), config(**said))
    return output


def _arrays(output: Path, network: str) -> dict[str, np.ndarray]:
    return dict(load_weights(str(output))[network])


def _same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in one)


def test_what_it_leaves(fitted: Path) -> None:
    names = {path.name for path in fitted.iterdir()}
    assert names == {
        *("_job", "checkpoints", "curve.svg", "log.csv", "weights.npz"),
        *("mtcnn-p.onnx", "mtcnn-r.onnx", "mtcnn-o.onnx"),
    }
    with (fitted / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["2", "3", "4", "6"]
    assert [row["step"] for row in rows if row["recall"]] == ["3", "6"]
    assert int(rows[-1]["crops"]) == 6 * (24 + 4)
    assert training_of(str(fitted), {}) is FitSummary
    assert training_problems(str(fitted), {}, FitSummary) == []
    assert training_status(str(fitted), {}, FitSummary).steps_done == 6


def test_only_its_network_has_changed(fitted: Path) -> None:
    original = load_weights("original")
    assert _same(_arrays(fitted, PNET.name), dict(original[PNET.name]))
    assert _same(_arrays(fitted, RNET.name), dict(original[RNET.name]))
    assert not _same(_arrays(fitted, ONET.name), dict(original[ONET.name]))


def test_the_files_are_proven_and_find_what_the_weights_find(fitted: Path) -> None:
    found = proven([fitted / f"mtcnn-{stage}.onnx" for stage in "pro"])

    weights = load_weights(str(fitted))
    assert examine(weights).passed
    for network in (PNET, RNET, ONET):
        for name, array in weights[network.name].items():
            np.testing.assert_allclose(found.weights[network.name][name], array, atol=1e-6)
    faces = FaceDetector(weights=weights).detect(astronaut())
    assert len(faces) >= 1


def _stopping_after(steps: int, patched: pytest.MonkeyPatch) -> None:
    run = FittingLoop.run

    def stopped(self: FittingLoop, stop: Any) -> None:
        run(self, lambda: self.step >= steps)

    patched.setattr(FittingLoop, "run", stopped)


@pytest.mark.parametrize("stops", [(1,), (2, 5), (1, 2, 3, 4, 5)])
def test_stopped_and_resumed_is_undisturbed(
    made: Path, fitted: Path, tmp_path: Path, stops: tuple[int, ...]
) -> None:
    said = config(input__landmarks=str(made / "points"))
    for steps in stops:
        with pytest.MonkeyPatch.context() as patched, pytest.raises(Interrupted):
            _stopping_after(steps, patched)
            fit(str(made / "o"), str(tmp_path / "out"), said)

    fit(str(made / "o"), str(tmp_path / "out"), said)

    assert _same(_arrays(tmp_path / "out", ONET.name), _arrays(fitted, ONET.name))


def test_the_same_command_again_returns_at_once(made: Path, fitted: Path) -> None:
    before = (fitted / "weights.npz").stat().st_mtime_ns
    fit(str(made / "o"), str(fitted), config(input__landmarks=str(made / "points")))
    assert (fitted / "weights.npz").stat().st_mtime_ns == before


def test_a_budget_decides_the_steps_once(made: Path, tmp_path: Path) -> None:
    said = config(fit__steps=0, run__budget="1s", fit__epochs=3.0)

    first = fit(str(made / "r"), str(tmp_path / "out"), said)

    rows = first.crops // 24
    assert 1 <= first.steps == rows
    shutil.rmtree(tmp_path / "out" / "checkpoints")
    (tmp_path / "out" / "_job" / "summary.json").unlink()
    assert fit(str(made / "r"), str(tmp_path / "out"), said).steps == first.steps
    with pytest.raises(UserError, match=r"run\.budget"):
        fit(str(made / "r"), str(tmp_path / "out"), config(fit__steps=0, run__budget="2s"))


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("1.5h", 5400)])
def test_budgets_are_times(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["15", "0s", "m", "-1h"])
def test_a_budget_that_is_none_is_said(text: str) -> None:
    with pytest.raises(UserError, match="give a time such as 90s, 15m or 1h"):
        config(run__budget=text)


@pytest.mark.parametrize(
    ("samples", "said", "sentence"),
    [
        ("r", {"fit__stage": "o"}, "are of 24 px, and O-Net takes 48"),
        ("r", {"input__landmarks": "points"}, "are of 48 px, and R-Net takes 24"),
        ("r", {"input__landmarks": "r"}, "R-Net has no landmarks"),
        ("r", {"fit__batch": 5000}, "there are not enough samples for a batch"),
        ("r", {"fit__mix": [0, 0, 1], "fit__batch": 5000}, r"each kind in fit.mix \(positive\)"),
        ("images", {}, "there is no output of 'samples'"),
    ],
)
def test_what_does_not_go_together_is_said(
    made: Path, tmp_path: Path, samples: str, said: dict[str, Any], sentence: str
) -> None:
    for name in ("input__landmarks",):
        if name in said:
            said = {**said, name: str(made / said[name])}
    with pytest.raises(UserError, match=sentence):
        fit(str(made / samples), str(tmp_path / "out"), config(**said))


def test_other_samples_are_refused(made: Path, fitted: Path) -> None:
    with pytest.raises(UserError, match="made from other landmark samples"):
        fit(str(made / "o"), str(fitted), config(input__landmarks=str(made / "o")))


@pytest.fixture
def batches() -> Iterator[list[Any]]:
    """The batches that a fitting learns from."""
    from mtcnn_core.fitting.fitter import Fitter

    seen: list[Any] = []
    step = Fitter.step

    def noted(self: Fitter, samples: Any, points: Any, number: int) -> Any:
        seen.append((samples, points))
        return step(self, samples, points, number)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Fitter, "step", noted)
        yield seen


def test_a_ratio_holds_in_every_batch(made: Path, tmp_path: Path, batches: list[Any]) -> None:
    fit(str(made / "r"), str(tmp_path / "out"), config(fit__mix=[3, 1, 1], fit__batch=25))

    for samples, _ in batches:
        assert np.bincount(samples.kinds, minlength=3).tolist() == [15, 5, 5]


def test_the_preset_of_mtcnn_caffe_gets_better(
    made: Path, tmp_path: Path, batches: list[Any]
) -> None:
    said = {"fit__steps": 60, "fit__batch": 25, "fit__init": "scratch", "fit__learning_rate": 0.01}

    summary = fit(str(made / "r"), str(tmp_path / "out"), config("mtcnn-caffe", **said))

    for samples, _ in batches:
        assert np.bincount(samples.kinds, minlength=3).tolist() == [15, 5, 5]
    assert summary.recall is not None and summary.first_recall is not None
    assert summary.recall > summary.first_recall + 0.2


def test_scratch_does_not_begin_as_the_original(made: Path, tmp_path: Path) -> None:
    fit(str(made / "r"), str(tmp_path / "out"), config(fit__init="scratch", fit__steps=1))

    arrays, original = _arrays(tmp_path / "out", RNET.name), load_weights("original")[RNET.name]
    assert (
        abs(
            float(
                np.corrcoef(arrays["dense.weight"].ravel(), original["dense.weight"].ravel())[0, 1]
            )
        )
        < 0.1
    )
